"""Generated protobuf code, version 1."""
