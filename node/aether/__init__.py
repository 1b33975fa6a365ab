"""Aether hosts slices: services written in Python, spread over a cluster of machines."""
