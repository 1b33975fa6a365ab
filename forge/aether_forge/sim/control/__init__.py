"""The whole control plane in virtual time: real managers on a simulated quorum, hosts and links."""
