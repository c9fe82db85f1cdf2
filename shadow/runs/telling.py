"""What is said of a run's parts in words: why one ended early, what was deleted or hidden."""

import datetime

from shadow.runs.manifest import KILLED, RECORDING, PartManifest, Pruned, Redacted


def ended_early(part: PartManifest) -> str:
    """Return what a part lacks that was not brought to its end, in numbers."""
    why = f": {part.why}" if part.why else ""
    lost, received = part.ledger.get("lost", 0), part.ledger.get("received", 0)
    if part.state == RECORDING:
        return "the part is 'recording': its writer was killed, and nobody counted what it lacks"
    told = f"its writer was killed{why}; " if part.state == KILLED else f"recording stopped{why}; "
    if lost:
        return f"{told}{lost:,} of the {received:,} requests that it received are not recorded"
    return f"{told}what it received at the end is not known"


def pruned_note(pruned: Pruned) -> str:
    """Return what is not there any more because the disk is bounded."""
    received = pruned.ledger.get("received", 0)
    return (
        f"{pruned.parts:,} earlier parts of this run were deleted to bound the disk, with "
        f"{received:,} requests and {pruned.events:,} events, the last time at "
        f"{moment(pruned.at)}; what is judged is the rest"
    )


def redacted_note(redacted: Redacted) -> str:
    """Return what stands as a keyed hash in place of what it was."""
    what = [f"header {name}" for name in redacted.headers]
    what += [f"field {name}" for name in redacted.fields]
    return f"recorded as keyed hashes (key {redacted.key}): {', '.join(what)}"


def moment(at: float) -> str:
    """Return epoch seconds as a time of day in UTC."""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
