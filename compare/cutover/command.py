"""`mixmigrate cutover`: words to wishes, the directory to text."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyingest.terminal import Address, Number, Trouble, Whole, say

if TYPE_CHECKING:
    from compare.cutover.watch import Watch
    from shadow.cutover.stage import State
    from shadow.cutover.store import Store

# What works is imported inside the commands: `mixmigrate --help` must not wait for it.

NOT_READY = 1
ROLLED_BACK = 1
WIDTH = 100
NICENESS = 10
"""Clients are served on the same machine."""

_state = click.option(
    "--state",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="Where the cutover is kept; the proxies get it as --cutover DIR.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_report = click.option(
    "--report",
    type=click.Path(path_type=Path, exists=True),
    help="The report that carries the step: report.json or its directory. It is verified.",
)
_run = click.option(
    "--run",
    "growing",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Instead of a report: a run that is being recorded, judged by --policy as it is now.",
)
_policy = click.option(
    "--policy", metavar="FILE", help="The policy that the report must have been judged by."
)


@click.group("cutover")
def cutover_command() -> None:
    """Give clients to the candidate step by step, and back at any time.

    Stages: shadow, ramp 1, 5, 25, 50 %, flipped, done.

    Example: mixmigrate cutover status --state cutover
    """


@cutover_command.command("plan")
@_state
@click.option("--listen", type=Address(), help="The proxy's address.")
@click.option("--legacy", metavar="URL", help="The service in production.")
@click.option("--candidate", metavar="URL", help="Its rewrite, writing to quarantine.")
@click.option("--candidate-live", metavar="URL", help="Its rewrite, writing to production.")
@click.option("--legacy-shadow", metavar="URL", help="Legacy, writing to quarantine.")
@click.option("--legacy-queue", metavar="URL", help="The production queues.")
@click.option("--candidate-queue", metavar="URL", help="The quarantined queues.")
@click.option("--candidate-live-queue", metavar="URL", help="Must be production's.")
@click.option("--legacy-shadow-queue", metavar="URL", help="Must be quarantine's.")
@click.option("--steps", metavar="P,P,...", help="Per cent of the people.  [default: 1,5,25,50]")
@click.option("--hold", type=Number(min=0), help="Seconds a stage lasts.  [default: 600]")
@click.option(
    "--requests",
    type=Whole(min=0),
    help="Requests that the candidate answers in a stage.  [default: 1000]",
)
@click.option("--errors", type=Number(), help="Share of errors that is borne.  [default: 0.005]")
@click.option("--refusals", type=Number(), help="Share of refusals that is borne.  [default: 0.05]")
@_report
@_policy
@_json
def plan_command(
    directory: Path, report: Path | None, policy: str | None, as_json: bool, **named: Any
) -> None:
    """Check everything before the first step; print the steps, nginx's blocks, and the way back.

    The first time it lays the plan down in DIR. Later it checks again; what is not named is as it
    was planned. The exit code is 0 when all is ready, else 1.

    Example: mixmigrate cutover plan --state cutover --legacy http://127.0.0.1:8080
    --candidate http://127.0.0.1:8001 --candidate-live http://127.0.0.1:8002
    --legacy-queue kestrel://127.0.0.1:22133/events --candidate-queue sqlite:/tmp/q.db#events
    --candidate-live-queue kestrel://127.0.0.1:22133/events
    """
    from compare.cutover.asking import planned, reachable, verified
    from shadow.cutover.preflight import Mark, preflight
    from shadow.cutover.steps import plan_text

    proof = verified(report, policy)
    given = {name: value for name, value in named.items() if value is not None}
    if "listen" in given:
        given["listen"] = "{}:{}".format(*given["listen"])
    rules = ("steps", "hold", "requests", "errors", "refusals")
    wanted = {name: given.pop(name) for name in rules if name in given}
    places, state = planned(directory, given, wanted)
    checks = preflight(places, state, proof, reachable)
    if as_json:
        listed = [{"mark": check.mark.value, "said": check.said} for check in checks]
        say(json.dumps({"stage": str(state.stage), "checks": listed}, indent=2))
    else:
        say(plan_text(directory, places, state, checks))
    if any(check.mark is Mark.PROBLEM for check in checks):
        sys.exit(NOT_READY)


@cutover_command.command("status")
@_state
@click.option("--history", is_flag=True, help="Every change that ever was, instead.")
@_json
def status_command(directory: Path, history: bool, as_json: bool) -> None:
    """Say where the cutover stands, who answers how much, and what the next stage lacks.

    Example: mixmigrate cutover status --state cutover --json
    """
    import msgspec

    from compare.cutover.asking import opened
    from shadow.cutover.processes import told
    from shadow.cutover.view import View, history_text, status_data, status_text

    store, state = opened(directory)
    if history:
        states = store.history()
        say(json.dumps(msgspec.to_builtins(states)) if as_json else history_text(states))
        return
    view = View(state, told(directory), time.time())
    say(json.dumps(status_data(view), indent=2) if as_json else status_text(view))


@cutover_command.command("advance")
@_state
@_report
@_run
@_policy
@click.option("--reason", default="", help="Why; kept in the history.")
@click.option("--to", "target", metavar="STAGE", help="Another than the next one; needs --force.")
@click.option("--force", metavar="REASON", help="Advance whatever is missing; kept with REASON.")
@_json
def advance_command(
    directory: Path,
    report: Path | None,
    growing: Path | None,
    policy: str | None,
    reason: str,
    target: str | None,
    force: str | None,
    as_json: bool,
) -> None:
    """Go one stage on, if nothing is missing.

    Leaving shadow takes a PASS: of a report, or of a run that is being recorded; what was seen of
    that is kept in DIR when it went on. The build and policy that it names own the ramp, and later
    steps ask for no other one. The exit code is 0 when it went on, else 2.

    Example: mixmigrate cutover advance --state cutover --report runs/first --reason 'ticket 812'
    """
    from compare.cutover.asking import changed, judged_now, opened, verified, who
    from shadow.cutover.processes import sight, tidy, told
    from shadow.cutover.stage import advanced, stage_of

    store, state = opened(directory)
    proof, seen = verified(report, policy) or state.proof, b""
    if growing is not None:
        proof, seen = judged_now(growing, policy)
    now = time.time()

    def on(state: "State") -> "State":
        return advanced(
            state,
            who=who(),
            why=force or reason,
            at=now,
            proof=proof,
            sight=sight(told(directory), state.epoch, now),
            to=stage_of(target) if target else None,
            forced=force is not None,
        )

    after = changed(store, state, on, seen)
    tidy(directory, after.epoch, now)
    _tell_change(directory, after, as_json)


@cutover_command.command("rollback")
@_state
@click.option("--reason", default="by hand", show_default=True, help="Why; kept in the history.")
@_json
def rollback_command(directory: Path, reason: str, as_json: bool) -> None:
    """Let legacy answer everybody again, from whatever stage, at once.

    Example: mixmigrate cutover rollback --state cutover --reason 'customers miss events'
    """
    from compare.cutover.asking import legacy_away, who
    from shadow.cutover.stage import rolled_back
    from shadow.cutover.store import Store, StoreError

    try:
        changed = Store(directory).roll_back(
            lambda state: rolled_back(state, who=who(), why=reason, at=time.time())
        )
    except StoreError as error:
        raise Trouble(str(error)) from None
    _tell_change(directory, changed, as_json)
    if away := legacy_away(directory):
        click.echo(f"legacy answers now, but {away}", err=True)


@cutover_command.command("watch")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_state
@click.option("--policy", default="default", show_default=True, metavar="FILE", help="To judge by.")
@click.option(
    "--every",
    type=Number(min=0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once, instead of until the cutover is done.")
def watch_command(run: Path, directory: Path, policy: str, every: float, once: bool) -> None:
    """Judge the growing RUN, and roll back as soon as it fails.

    The exit code is 1 after a roll-back, 0 when the cutover is done.

    Example: mixmigrate cutover watch runs/ramp --state cutover --policy policy.toml
    """
    from compare.cutover.asking import opened
    from compare.cutover.watch import Watch
    from compare.policy.policy import PolicyError, load
    from shadow.cutover.stage import Phase
    from shadow.cutover.store import StoreError
    from shadow.runs.manifest import RecordingError

    store, _ = opened(directory)
    if not once:
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    try:
        with Watch(run, load(policy)[0]) as watch:
            said = ""
            while True:
                said = _look(store, watch, said)
                if once or store.read().stage.phase is Phase.DONE:
                    return
                time.sleep(every)
    except (PolicyError, RecordingError, StoreError) as error:
        raise Trouble(str(error)) from None


def _look(store: "Store", watch: "Watch", said: str) -> str:
    """Look once; say what is not as it was said last, and return what is said now."""
    from compare.cutover.watch import back_if_failing

    seen = watch.look()
    back = back_if_failing(store, seen, time.time())
    if back is not None:
        say(f"rolled back: {back.why}")
        sys.exit(ROLLED_BACK)
    words = "; ".join([seen.outcome, *([seen.why] if seen.why else seen.reasons)])
    if seen.outcome != said.partition(";")[0]:
        say(words)
    if sys.stderr.isatty():
        told = f"{seen.requests.get('distinct', 0):,} distinct requests: {words}"
        click.echo(f"\r\x1b[K{told[:WIDTH]}", nl=False, err=True)
    return words


def _tell_change(directory: Path, state: "State", as_json: bool) -> None:
    import msgspec

    if as_json:
        say(json.dumps({**msgspec.to_builtins(state), "stage": str(state.stage)}, indent=2))
        return
    say(f"{state.stage} (epoch {state.epoch}); every proxy follows within 0.1 s")
    for one in state.forced:
        say(f"  forced, though: {one}")
    say(f"  see: mixmigrate cutover status --state {directory}")
