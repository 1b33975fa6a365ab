"""Work on the data directory of a node that does not run: restore, and recovery of a lost quorum."""
