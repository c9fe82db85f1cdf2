"""The words of `mixmigrate cutover` to objects, and what is wrong with them to messages."""

import getpass
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from compare.cutover.proof import proof_of, proof_so_far
from compare.policy.policy import PolicyError
from compare.verification import VerificationError
from pyingest.terminal import Trouble
from shadow.cutover.preflight import Places, place_of
from shadow.cutover.stage import Proof, Rules, StageError, State
from shadow.cutover.store import Store, StoreError, replaced
from shadow.runs.manifest import RecordingError

PLAN = "plan.json"
PROOFS = "proofs"
CONNECT_SECONDS = 1.0


def planned(directory: Path, named: dict[str, Any], wanted: dict[str, Any]) -> tuple[Places, State]:
    """Return what is planned in *directory*, with the addresses *named* now; lay it down.

    :param wanted: the fields of ``Rules`` that were given; they are taken the first time only.
    :raises Trouble: the directory cannot be read or written, or a rule cannot mean anything.
    """
    store, plan = Store(directory), directory / PLAN
    try:
        known = msgspec.json.decode(plan.read_bytes(), type=Places) if plan.exists() else Places()
        places = msgspec.structs.replace(known, **named)
        if not store.path.exists():
            rules = _rules(wanted)
            store.plan(State(since=time.time(), who=who(), rules=rules))
        elif wanted:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in wanted)
            raise Trouble(f"{flags}: stays as it was planned; plan anew in another --state")
        replaced(plan, msgspec.json.format(msgspec.json.encode(places)) + b"\n")
        return places, store.read()
    except (OSError, StoreError, msgspec.DecodeError) as error:
        raise Trouble(f"{directory}: {error}") from None


def verified(report: Path | None, policy: str | None) -> Proof | None:
    """Return what *report* proves; nothing if none was given.

    :raises Trouble: it is not what its evidence gives, or not judged by *policy*.
    """
    try:
        return None if report is None else proof_of(report, policy)
    except (PolicyError, RecordingError, VerificationError) as error:
        raise Trouble(str(error)) from None


def judged_now(run: Path, policy: str | None) -> tuple[Proof, bytes]:
    """Return what the growing *run* proves by now, and what was seen of it, as JSON to be kept.

    Why it is no PASS is said.

    :raises Trouble: it cannot be judged.
    """
    try:
        proof, seen = proof_so_far(run, policy)
    except (OSError, PolicyError, RecordingError) as error:
        raise Trouble(str(error)) from None
    for reason in [seen.why] if seen.why else seen.reasons:
        click.echo(f"{run}: {reason}", err=True)
    return proof, msgspec.json.format(msgspec.json.encode(seen)) + b"\n"


def opened(directory: Path) -> tuple[Store, State]:
    """Return the cutover in *directory* and its state.

    :raises Trouble: there is none.
    """
    store = Store(directory)
    try:
        return store, store.read()
    except StoreError as error:
        raise Trouble(str(error)) from None


def changed(store: Store, state: State, make: Callable[[State], State], seen: bytes = b"") -> State:
    """Return what became of *state*.

    :param seen: what the change rests on; kept in the file of its epoch if, and only if, the
        change is made.
    :raises Trouble: somebody else was first, something is missing, or it cannot be written.
    """
    kept: list[Path] = []

    def accepted(before: State) -> State:
        after = make(before)
        if seen:
            place = store.directory / PROOFS / f"epoch-{after.epoch}.json"
            place.parent.mkdir(exist_ok=True)
            replaced(place, seen)
            kept.append(place)
        return after

    try:
        return store.change(state.epoch, accepted)
    except (StageError, StoreError) as error:
        if kept and _is_at(store, state.epoch):
            kept[0].unlink(missing_ok=True)
        raise Trouble(str(error)) from None


def _is_at(store: Store, epoch: int) -> bool:
    try:
        return store.read().epoch == epoch
    except StoreError:
        return False


def who() -> str:
    """Return who gives the command: user and machine."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return f"uid {os.getuid()}@{socket.gethostname()}"


def reachable(host: str, port: int) -> str:
    """Return why nothing takes connections at *host* and *port*, or an empty text."""
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        return f"no connection: {error.strerror or error}; start it first"
    return ""


def legacy_away(directory: Path) -> str:
    """Return why legacy, as it was planned in *directory*, takes no connections; or nothing."""
    try:
        plan = msgspec.json.decode((directory / PLAN).read_bytes(), type=Places)
    except (OSError, msgspec.DecodeError):
        return ""
    host, port = place_of(plan.legacy)
    why = reachable(host, port) if host else ""
    return f"{plan.legacy}: {why}" if why else ""


def _rules(wanted: dict[str, Any]) -> Rules:
    try:
        if "steps" in wanted:
            steps = tuple(float(one) for one in wanted["steps"].split(","))
            wanted = {**wanted, "steps": steps}
        guards = {name: wanted[name] for name in ("errors", "refusals") if name in wanted}
        fields = {
            "steps": wanted.get("steps"),
            "hold_seconds": wanted.get("hold"),
            "hold_requests": wanted.get("requests"),
            "guards": guards or None,
            "seed": secrets.randbits(31),
        }
        return msgspec.convert(
            {name: value for name, value in fields.items() if value is not None}, Rules
        )
    except StageError as error:
        raise Trouble(f"the plan: {error}") from None
    except ValueError as error:
        raise Trouble(f"the plan: {error}; steps are percentages, such as 1,5,25,50") from None
