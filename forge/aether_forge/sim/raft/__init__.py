"""Simulated store members: real replicas on a network, disks and clocks that fail by a seed."""
