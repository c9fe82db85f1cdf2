"""`mixmigrate compare`: words to objects, errors to messages, the verdict to an exit code."""

import click


@click.command("compare")
def compare_command() -> None:
    """Judge."""
