"""Raft without input or output: messages, ticks and proposals in, one value out."""
