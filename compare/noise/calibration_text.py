"""A calibration for people: the piece of a policy with its evidence, and the story in lines."""

import math
from collections import Counter
from collections.abc import Iterator

from compare.noise.calibrating import Calibration, troubles, warnings
from compare.noise.calibration import Lesson, coverage
from compare.noise.rules import FieldRule
from compare.noise.toml import can_be_written, render_rules
from compare.render.visible import visible


def render_piece(found: Calibration, name: str) -> str:
    """Return the rules as a piece of a policy file; *name* is the run's."""
    rules = [
        (rule, remark(lesson, rule, found.requests))
        for lesson in found.lessons
        for rule in lesson.rules
        if can_be_written(rule)
    ]
    head = [
        f"# Learned by `mixmigrate calibrate` from {visible(name)!r}: {found.requests:,} requests, "
        f"{found.distinct:,} of them distinct.",
        "# Read each rule, then put all of them at the end of your policy, and into its [noise]:",
        f"# calibrated_requests = {found.requests}",
    ]
    if found.server_time_seconds:
        head.append(
            f"# Times that the services set lay up to {found.server_time_seconds:g} s apart: "
            "server_time_seconds in [noise] must not be less."
        )
    if not rules:
        head.append("# Legacy repeats itself in every field: no rule is needed.")
    return "\n".join(head) + "\n\n" + render_rules(rules)


def render_story(found: Calibration) -> str:
    """Return what was seen, learned and doubted, in lines for a terminal."""
    return visible("\n".join(_story(found)))


def remark(lesson: Lesson, rule: FieldRule, requests: int) -> str:
    """Return how much evidence a rule has, in one sentence."""
    known = lesson.evidence
    # Events of one request are stamped together: no more evidence than there are requests.
    covered = coverage(min(known.seen, requests), _ends(lesson, rule))
    return (
        f"differed in {known.differed:,} of {known.seen:,} pairs; covers "
        f"{covering(covered)} of them (95 % confidence)"
    )


def _ends(lesson: Lesson, rule: FieldRule) -> int:
    """Return how many single pairs hold the rule's bounds up."""
    texts = lesson.trace.texts
    if rule.class_ == "shape" and rule.type in ("string", "time") and texts is not None:
        return texts.shape.ends + (2 if rule.band is not None else 0)
    return 2 if rule.band is not None else 1


def _story(found: Calibration) -> Iterator[str]:
    yield f"{found.requests:,} requests, {found.distinct:,} distinct, went to both sides"
    noisy = Counter(lesson.endpoint for lesson in found.lessons)
    # The items of a list of plain values belong to the list.
    exact = Counter(
        endpoint
        for endpoint, path in found.learned.seen
        if (endpoint, path) not in found.learned.differed and not path.endswith("[]")
    )
    for endpoint, pairs in sorted(found.learned.pairs.items()):
        yield (
            f"/{endpoint}: {pairs:,} pairs of events, {exact[endpoint]:,} fields never differed "
            f"(each in at most {at_most(1 - coverage(min(pairs, found.requests)))} of events, "
            f"95 % confidence), {noisy[endpoint]:,} did"
        )
    for lesson in found.lessons:
        for rule in lesson.rules:
            yield f"  {rule.name}: {remark(lesson, rule, found.requests)}"
    for speed in found.speeds:
        told = {None: "too little to say", True: "BIASED", False: "even"}[speed.biased]
        yield (
            f"{speed.name}: second side slower in {speed.worse}, faster in {speed.better} of "
            f"{speed.windows} windows: {told}"
        )
    yield from (f"NOT USABLE: {flaw}" for flaw in found.flaws)
    yield from (f"TROUBLE: {trouble}" for trouble in troubles(found))
    yield from (f"warning: {warning}" for warning in warnings(found))


def covering(share: float) -> str:
    """Return a covered share, rounded down with as many digits as it has nines and one more."""
    decimals = max(0, math.ceil(-math.log10(max(1 - share, 1e-9))) - 2)
    scale = 10**decimals
    return f"{math.floor(share * 100 * scale + 1e-9) / scale:g} %"


def at_most(share: float) -> str:
    """Return an upper bound of a share, rounded up to two digits."""
    scale = 10.0 ** (1 - math.floor(math.log10(share * 100)))
    return f"{math.ceil(share * 100 * scale - 1e-9) / scale:g} %"
