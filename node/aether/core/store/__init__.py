"""The replicated key-value state machine, as a pure value."""
