"""Forge: an Aether cluster on one machine, as real processes."""


def main() -> None:
    """Run the `aether-forge` command."""
    from aether_forge.commands import main as run  # noqa: PLC0415 - the simulator needs no command

    run()
