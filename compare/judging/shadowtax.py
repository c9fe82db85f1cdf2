"""What the mirroring cost the clients, as the control arms of all proxies of a run tell it."""

from collections.abc import Mapping, Sequence
from typing import Any

from shadow.isolating.tax import Tax, arms_of
from shadow.isolating.taxtest import QUANTILES


def shadow_tax(told: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the tax in milliseconds, with its interval; ``None`` for a run without a control arm.

    :param told: what the manifest holds.
    """
    arms = arms_of(told)
    control = arms.whole(True).total
    if not control:
        return None
    return {
        "by": "slice" if any(one.get("by") == "slice" for one in told) else "request",
        "control": control,
        "mirrored": arms.whole(False).total,
        "quantiles": [_told(tax) for one in QUANTILES if (tax := arms.tax(one)) is not None],
    }


def _told(tax: Tax) -> dict[str, Any]:
    return {
        "name": f"p{tax.quantile * 100:g}",
        "with_copy": _ms(tax.mirrored),
        "without": _ms(tax.control),
        "difference": _ms(tax.difference),
        "low": _ms(tax.low),
        "high": _ms(tax.high),
    }


def shown(tax: Mapping[str, Any]) -> list[str]:
    """Return the tax as lines for people."""
    drawn = "slices of time" if tax["by"] == "slice" else "requests"
    counts = (
        f"{tax['control']:,} answers without a copy, {tax['mirrored']:,} with one, drawn by {drawn}"
    )
    lines = [
        f"{one['name']} {one['difference']:+.2f} ms ({one['low']:+.2f} to {one['high']:+.2f}), "
        f"{one['without']:.2f} ms without a copy"
        for one in tax["quantiles"]
    ]
    return [*(lines or ["not known: too few answers, or too short a time"]), counts]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
