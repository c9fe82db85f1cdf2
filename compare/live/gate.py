"""``/verdict``: the verdict for machines that promote, hold back or roll back a candidate.

Argo Rollouts (its ``web`` metric) reads JSON and takes any status but 2xx for an error of the
measurement; Flagger (its webhooks) reads the status alone. So GET always answers 200, and POST
answers by status, in the way of the hook that asks.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from compare.live.state import SCHEMA
from compare.live.view import View

SHORTEST = 8
"""Digits of a policy's hash that name it."""


class Hook(enum.StrEnum):
    """What the status of a POST says."""

    CONFIRM = "confirm"
    """200 for PASS alone: Flagger's ``confirm-promotion``, ``confirm-traffic-increase``."""
    ROLLOUT = "rollout"
    """200 unless FAIL or INVALID: Flagger's ``rollout``, a check at every step."""
    ROLLBACK = "rollback"
    """200 for FAIL alone, which makes Flagger roll back."""


class WrongQuestion(ValueError):
    """A question that cannot be answered. The text says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whose evidence is asked for; what is empty may be any."""

    build: str = ""
    policy: str = ""
    """The policy's hash, or its first digits."""
    hook: Hook = Hook.CONFIRM


class _Metadata(msgspec.Struct):
    build: str = ""
    policy: str = ""
    hook: str = ""


class _Webhook(msgspec.Struct):
    """What Flagger posts, as far as it matters."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def question(query: Mapping[str, str], body: bytes = b"") -> Question:
    """Return what is asked, by query or by the ``metadata`` of a webhook; the query wins.

    :raises WrongQuestion: it cannot be understood.
    """
    told = _Metadata()
    if body.strip():
        try:
            told = msgspec.json.decode(body, type=_Webhook).metadata
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WrongQuestion(f"the body is no webhook of Flagger's: {error}") from None
    policy = query.get("policy") or told.policy
    if policy and len(policy) < SHORTEST:
        raise WrongQuestion(f"policy: at least {SHORTEST} digits of its hash")
    hook = query.get("hook") or told.hook or Hook.CONFIRM.value
    if hook not in set(Hook):
        raise WrongQuestion(f"hook: {', '.join(Hook)}")
    return Question(query.get("build") or told.build, policy.lower(), Hook(hook))


def answer(view: View, asked: Question) -> dict[str, Any]:
    """Return the verdict as JSON gives it; evidence of another build or policy is INVALID here."""
    judged = view.judged
    result, reasons = judged.outcome, list(judged.reasons)
    if judged.state in ("waiting", "failed"):
        result, reasons = "UNDECIDED", [judged.why or "nothing was looked at yet"]
    if result == "PASS" and (view.is_stale or view.trouble):
        what = view.trouble or f"the last look was {view.age:.0f} s ago"
        result, reasons = "UNDECIDED", [f"the evidence is not fresh: {what}"]
    others = _others(view, asked)
    if others:
        result, reasons = "INVALID", others
    return {
        "schema": SCHEMA,
        "result": result,
        "needs": judged.needs if result == "UNDECIDED" else None,
        "matches": not others,
        "reasons": reasons,
        "claim": judged.claim if result == judged.outcome else "",
        "run": view.run,
        "phase": view.phase,
        "final": judged.final,
        "build": judged.build,
        "legacy_build": judged.legacy.get("build", ""),
        "policy": judged.policy,
        "policy_hash": judged.policy_hash,
        "distinct_requests": judged.requests.get("distinct", 0),
        "looked_at": judged.at,
        "clients": view.safety.level.value,
    }


def status(result: str, hook: Hook) -> int:
    """Return the HTTP status of a POST: 200 lets the rollout go on (or roll back, by that hook).

    412: the evidence speaks against the candidate. 409: it cannot be trusted, or is of another
    build or policy. 503: there is not enough yet; ask again.
    """
    goes_on = {
        Hook.CONFIRM: ("PASS",),
        Hook.ROLLOUT: ("PASS", "UNDECIDED"),
        Hook.ROLLBACK: ("FAIL",),
    }[hook]
    if result in goes_on:
        return 200
    if hook is Hook.ROLLBACK:
        return 409
    return {"FAIL": 412, "INVALID": 409}.get(result, 503)


def told(found: Mapping[str, Any]) -> str:
    """Return an answer in one line: Flagger writes what is not 200 into its events."""
    needs = found["needs"]
    more = f" ({needs:,} more distinct requests)" if needs else ""
    why = "; ".join(found["reasons"][:3])
    return f"{found['result']}{more}" + (f": {why}" if why else "")


def _others(view: View, asked: Question) -> list[str]:
    """Return in what the evidence is not of what was asked about."""
    judged, found = view.judged, list[str]()
    if not judged.policy_hash:
        return found  # nothing was looked at yet
    if asked.build and asked.build != judged.build:
        have = f"is of {judged.build!r}" if judged.build else "names no build (--candidate-build)"
        found.append(f"asked about build {asked.build!r}; the evidence {have}")
    if asked.policy and not judged.policy_hash.startswith(asked.policy):
        by = judged.policy_hash
        found.append(f"asked by policy {asked.policy!r}; the evidence was judged by {by}")
    return found
