"""Forge: an Aether cluster on one machine, as real processes."""
