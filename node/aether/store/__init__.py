"""The replicated store: engines, transport and the node's own store object."""
