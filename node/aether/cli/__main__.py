"""`python -m aether.cli`: the command where its script is not on the path."""

from aether.cli import main

main()
