"""Benchmarks: `python -m tests.bench NAME` runs one and prints one JSON object a line."""
