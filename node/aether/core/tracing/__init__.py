"""Spans, which of them are kept, and the tree they form."""
