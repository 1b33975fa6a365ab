"""The simulator: real parts of Aether in virtual time, on simulated networks and disks."""
