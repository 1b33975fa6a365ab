"""Real processes under real faults, for as long as one likes; not part of `make test`."""
