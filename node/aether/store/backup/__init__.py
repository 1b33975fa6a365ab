"""One file with everything the store holds as of one revision; see docs/adr/0016."""
