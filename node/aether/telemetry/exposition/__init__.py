"""What a node tells monitoring systems: every series declared once, read in one look, written as text."""
