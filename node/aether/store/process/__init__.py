"""The store process: one member of consensus, its keys, and a Unix socket to its node."""
