"""What a node decides about its own instances."""
