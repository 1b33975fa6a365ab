"""`python -m aether.node`: the same as `aether-node`."""

from aether.node import main

main()
