"""The node process: composition root, supervision, start and stop."""

import os


def main() -> None:
    """Run the `aether-node` command."""
    # gRPC would hook into every fork of this process; its children start by exec and need none.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    from aether.node.command import node_command  # noqa: PLC0415 - --help must not load everything

    node_command()
