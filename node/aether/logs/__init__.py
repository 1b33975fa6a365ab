"""The logs of every process of a node: their form, which loggers log what, and who else wants the lines."""
