"""What the router decides: the routing table, matching and balancing."""
