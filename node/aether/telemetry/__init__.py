"""Logs of the node's processes."""
