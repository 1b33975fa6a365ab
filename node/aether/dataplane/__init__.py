"""The router process: HTTP in, instances out."""
