"""The map from a command's name to the command. Each package has its own in `command.py`."""

from importlib.metadata import version

import click

from compare.command import compare_command
from pyingest.command import ingest_command, queue_command
from replay.command import demo_command, replay_command
from shadow.command import shadow_command

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "auto_envvar_prefix": "MIXMIGRATE",
    "max_content_width": 96,
}


@click.group(context_settings=CONTEXT)
@click.version_option(version("mixmigrate"), prog_name="mixmigrate")
def main() -> None:
    """Prove a rewrite of an ingestion service before the cutover.

    Runs the service in production (legacy) and its rewrite (candidate) on the same traffic,
    compares what each put on its queue, and says whether the rewrite may take over.

    Start with: mixmigrate demo
    """


for command in (
    demo_command,
    shadow_command,
    replay_command,
    compare_command,
    ingest_command,
    queue_command,
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="mixmigrate")
