"""The node process: composition root, supervision, start and stop."""

import os
import sys


def main() -> None:
    """Run the `aether-node` command; `aether-node router` is one router without a node."""
    if sys.argv[1:2] == ["router"]:
        from aether.dataplane.process import main as router  # noqa: PLC0415 - it needs no node

        sys.exit(router(sys.argv[2:], "aether-node router"))
    # gRPC would hook into every fork of this process; its children start by exec and need none.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    from aether.node.command import node_command  # noqa: PLC0415 - --help must not load everything

    node_command()
