"""The way of one cutover as text: each command in its turn, and the way back."""

from pathlib import Path

from shadow.cutover.preflight import Check, Mark, Places
from shadow.cutover.stage import FLIPPED, State

_MARKS = {Mark.OK: "ok      ", Mark.NOTE: "note    ", Mark.PROBLEM: "PROBLEM "}


def plan_text(directory: Path, places: Places, state: State, checks: list[Check]) -> str:
    """Return the plan of the cutover in *directory*, to be printed and followed."""
    problems = sum(check.mark is Mark.PROBLEM for check in checks)
    ready = "ready" if not problems else f"{problems} to be solved first"
    parts = [
        f"Pre-flight: {ready}",
        *(f"  {_MARKS[check.mark]} {check.said}" for check in checks),
        "",
        "Steps",
        *_steps(directory, places, state),
        "",
        "Back, from every stage, at any time; legacy answers within 0.1 s:",
        f"    mixmigrate cutover rollback --state {directory} --reason '...'",
        "The proxy is sick itself? Take it out in nginx (as in the last step) with legacy's",
        "address in place of candidate-live's.",
        "",
        "nginx, with the proxy in:",
        *_upstream(places, "proxy"),
        "nginx, with the proxy out, after `done`:",
        *_upstream(places, "candidate-live"),
        "nginx, with the proxy out, before it came or after a roll-back:",
        *_upstream(places, "legacy"),
    ]
    return "\n".join(parts)


def _steps(directory: Path, places: Places, state: State) -> list[str]:
    rules, listen = state.rules, places.listen
    hold = f"at least {rules.hold_seconds:,.0f} s and {rules.hold_requests:,} requests"
    advance = f"mixmigrate cutover advance --state {directory}"
    lines = [
        "1. Start the proxy, with legacy answering everybody:",
        *_proxy(directory, places),
        f"2. Put it in: in nginx, upstream to {listen} (below); `nginx -t && nginx -s reload`.",
        "3. When the run holds enough, the first step, by what is final of it by then:",
        f"    {advance} --run RUN --policy POLICY --reason '...'",
        "   or by a run that has ended: `mixmigrate compare RUN --policy POLICY`, exit code 0, and",
        f"    {advance} --report RUN --reason '...'",
    ]
    number = 4
    for stage in rules.stages[2:-1]:
        who = "everybody is answered by the candidate" if stage == FLIPPED else f"{stage} %"
        lines += [f"{number}. After {hold}, if all is quiet: {who}", f"    {advance}"]
        number += 1
    return [
        *lines,
        f"{number}. After as long as you want to be able to go back: the end of comparing",
        f"    {advance} --reason 'signed off by ...'",
        f"{number + 1}. Take the proxy out (below, third block); then stop it with SIGTERM.",
        "In each step, in another window: what is judged while it grows rolls back by itself.",
        f"    mixmigrate cutover watch RUN --state {directory} --policy POLICY",
        f"    mixmigrate cutover status --state {directory}",
    ]


def _proxy(directory: Path, places: Places) -> list[str]:
    words = [
        f"--listen {places.listen} --run RUN --cutover {directory}",
        f"--legacy {places.legacy} --legacy-queue {places.legacy_queue}",
        f"--candidate {places.candidate} --candidate-queue {places.candidate_queue}",
        f"--candidate-live {places.candidate_live} --candidate-build BUILD",
    ]
    if places.legacy_shadow:
        words.append(f"--legacy-shadow {places.legacy_shadow}")
    lines = ["    mixmigrate shadow", *(f"        {line}" for line in words)]
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def _upstream(places: Places, active: str) -> list[str]:
    """Return an upstream block with one server up; the others are named and marked ``down``."""
    servers = {
        "proxy": places.listen,
        "legacy": _bare(places.legacy),
        "candidate-live": _bare(places.candidate_live),
    }
    lines = [
        f"        server {address}{'' if name == active else ' down'};  # {name}"
        for name, address in servers.items()
    ]
    keep = '        keepalive 64;  # with: proxy_http_version 1.1; proxy_set_header Connection "";'
    return ["    upstream ingestion {", *lines, keep, "    }"]


def _bare(url: str) -> str:
    return url.removeprefix("http://").rstrip("/")
