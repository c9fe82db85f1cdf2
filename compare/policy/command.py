"""`mixmigrate policy`: look at a policy before a run is judged by it."""

import datetime
import json
import sys

import click

from pyingest.terminal import USAGE_ERROR, Number, Trouble, Whole, say


@click.group("policy")
def policy_command() -> None:
    """Check and explain policies.

    A POLICY is a file, or the name of a built-in one: default, demo.

    Example: mixmigrate policy check policy.toml
    """


@policy_command.command("check")
@click.argument("policy")
def check_command(policy: str) -> None:
    """Say all that is wrong with a policy, or that it is sound.

    The exit code is 0 when it is, 2 when it is not.

    Example: mixmigrate policy check policy.toml
    """
    from compare.policy.policy import PolicyError, examine, policy_hash, read

    try:
        path, text = read(policy)
    except PolicyError as error:
        raise Trouble(str(error)) from None
    found, troubles = examine(text)
    for trouble in troubles:
        click.echo(f"{path}: {trouble}", err=True)
    if found is None:
        sys.exit(USAGE_ERROR)
    today = datetime.datetime.now(datetime.UTC).date()
    for entry in found.accept:
        if not entry.is_current(today):
            say(f"{path}: acceptance {entry.key} expired on {entry.until}; it will not count")
    say(f"{path}: ok, policy {found.name!r}, hash {policy_hash(found)}")


@policy_command.command("explain")
@click.argument("policy")
@click.option(
    "--rate",
    type=Number(min=0.001),
    default=1000.0,
    show_default=True,
    help="Distinct requests a second that you expect.",
)
@click.option(
    "--requests",
    type=Whole(min=1),
    help="Distinct requests that you plan.  [default: as many as a clean PASS takes]",
)
def explain_command(policy: str, rate: float, requests: int | None) -> None:
    """Say in plain words what a PASS takes, what fails at once, and what is tolerated.

    Example: mixmigrate policy explain policy.toml --rate 1100 --requests 250000
    """
    from compare.policy.explained import Plan, explained
    from compare.policy.policy import PolicyError, load

    try:
        found, default = load(policy)[0], load("default")[0]
    except PolicyError as error:
        raise Trouble(str(error)) from None
    today = datetime.datetime.now(datetime.UTC).date()
    say(explained(found, default, Plan(rate, requests), today))


@policy_command.command("show")
@click.argument("policy")
def show_command(policy: str) -> None:
    """Print a policy's text; the built-in ones are a good start for your own.

    Example: mixmigrate policy show default > policy.toml
    """
    from compare.policy.policy import PolicyError, read

    try:
        text = read(policy)[1]
    except PolicyError as error:
        raise Trouble(str(error)) from None
    click.echo(text, nl=False)


@policy_command.command("schema")
def schema_command() -> None:
    """Print the JSON schema of policies, for editors.

    Example: mixmigrate policy schema > policy.schema.json
    """
    from compare.policy.schema import policy_schema

    say(json.dumps(policy_schema(), indent=2))
