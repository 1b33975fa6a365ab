"""The native engine: one member of a Raft group, from the socket to the disk."""
