"""The store as a node uses it when the store is a process of its own."""
