"""Node-to-node control traffic over gRPC."""
