"""The map from a command's name to the command. Each package has its own in `command.py`."""

import os
import traceback
from importlib.metadata import version
from typing import Any

import click

from compare.command import compare_command
from compare.cutover.command import cutover_command
from compare.live.command import live_command
from compare.noise.command import calibrate_command
from compare.policy.command import policy_command
from compare.verify_command import verify_command
from pyingest.command import ingest_command, queue_command
from pyingest.terminal import INTERRUPTED
from pyingest.traffic.command import top_command
from replay.command import demo_command, replay_command
from replay.importing.command import import_command
from shadow.command import shadow_command
from shadow.doctor.command import doctor_command
from shadow.isolating.command import switch_command
from shadow.runs.command import run_command
from shadow.serving.command import status_command

CONTEXT = {
    "help_option_names": ["-h", "--help"],
    "auto_envvar_prefix": "MIXMIGRATE",
    "max_content_width": 96,
}


DEFECT = 70
"""Exit code for an error of ours (EX_SOFTWARE of sysexits.h); never 1, which is a verdict."""


class Commands(click.Group):
    """The commands. What none of them foresaw is said in one line, as our fault."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if os.environ.get("MIXMIGRATE_DEBUG"):
                traceback.print_exc()
            click.echo(
                f"Error: a defect in mixmigrate: {type(error).__name__}: {error}\n"
                "Please report it, with what MIXMIGRATE_DEBUG=1 shows.",
                err=True,
            )
            ctx.exit(DEFECT)


@click.group(cls=Commands, context_settings=CONTEXT)
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
    status_command,
    switch_command,
    replay_command,
    import_command,
    compare_command,
    live_command,
    verify_command,
    run_command,
    cutover_command,
    policy_command,
    calibrate_command,
    ingest_command,
    queue_command,
    top_command,
    doctor_command,
):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="mixmigrate")
