"""What the leader decides: reconcile and its stages."""
