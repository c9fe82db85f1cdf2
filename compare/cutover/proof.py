"""From a verified report to the proof that a cutover asks for."""

from pathlib import Path

from compare.cutover.watch import Watch
from compare.live.judged import Judged
from compare.policy.policy import load, policy_hash
from compare.verification import Verification, VerificationError, verify
from compare.verify_command import files_beside, manifest_beside
from shadow.cutover.stage import Proof


def proof_of(report: Path, policy: str | None) -> Proof:
    """Return what the report at *report* (a file, or its directory) proves.

    :param policy: what it must have been judged by, if that is asked for.
    :raises VerificationError: it is not what its evidence gives, or is no report.
    :raises PolicyError: there is no such policy.
    """
    directory, files = files_beside(report)
    asked = load(policy)[0] if policy else None
    found = verify(files, manifest_beside(directory), asked)
    if found.mismatches:
        raise VerificationError(f"{directory}: NOT VERIFIED: {_first(found)}")
    made = found.recomputed
    return Proof(
        verdict=made.verdict.outcome.value,
        build=made.manifest.candidate.get("build", ""),
        policy=policy_hash(made.policy),
        run=made.run,
        at=made.manifest.created,
    )


def proof_so_far(run: Path, policy: str | None) -> tuple[Proof, Judged]:
    """Return what the *run* that is being recorded proves by now, and what was seen of it.

    Only what is final is counted: what is older than the policy's ``late_after_seconds``.

    :raises PolicyError: there is no such policy.
    """
    rules, _ = load(policy or "default")
    with Watch(run, rules) as watch:
        seen = watch.first_look()
    proof = Proof(
        verdict=seen.outcome,
        build=seen.build,
        policy=seen.policy_hash,
        run=run.name,
        at=seen.created or 0.0,
    )
    return proof, seen


def _first(found: Verification) -> str:
    one = found.mismatches[0]
    more = f", and {len(found.mismatches) - 1} more" if len(found.mismatches) > 1 else ""
    return (
        f"{one.where} says {one.found}, its evidence {one.expected}{more}; "
        "see `mixmigrate verify`, or compare the run again"
    )
