"""The node process: composition root, supervision, start and stop."""
