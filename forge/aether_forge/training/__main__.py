"""Training without the rest of Aether's libraries: `python -m aether_forge.training train --data …`."""

import click

from aether_forge.training.command import evaluate, train

if __name__ == "__main__":
    click.Group("training", commands={"train": train, "evaluate": evaluate})()
