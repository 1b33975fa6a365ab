"""What decides: pure, synchronous functions over immutable values."""
