"""What was decided and why, kept on this node's disk long after the store has forgotten it."""
