"""Charts as SVG: no script, no outside request, readable in print."""

import math

from compare.judging.latency import (
    Histogram,
    Windows,
    slow_windows,
    usable_quantiles,
    worse_windows,
)
from compare.policy.policy import RelativeGate

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 260, 46, 28
_SIGNS = {1: "worse", 0: "even", -1: "better"}
_HEIGHTS = {"good": (4, 12), "bad": (0, 20), "even": (4, 12), "worse": (0, 20), "better": (8, 8)}
_TICKS = (0.0, 0.9, 0.99, 0.999)
_SHARES = tuple(1 - 10 ** (-step / 12) for step in range(49))


def spectrum(legacy: Histogram, candidate: Histogram) -> str:
    """Return both sides' durations over their share, the rare ones spread out.

    x is log10(1/(1-q)), as in HdrHistogram's plots; y is milliseconds, logarithmic.
    """
    if not legacy.total or not candidate.total:
        return ""
    curves = [(name, _curve(side)) for name, side in (("legacy", legacy), ("candidate", candidate))]
    values = [value for _, curve in curves for _, value in curve]
    if not values:
        return ""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    high = max(high, low + 1)

    def at(share: float, value: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - 8) * _nines(share) / 4
        up = (math.log10(value) - low) / (high - low)
        return round(across, 1), round((HEIGHT - BOTTOM) * (1 - up) + 4 * (2 * up - 1), 1)

    parts = [_svg_head(HEIGHT, "Latency by share of requests; the table holds the numbers")]
    for share in _TICKS:
        x, _ = at(share, 10.0**low)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT - BOTTOM}"/>')
        label = f"{share * 100:g}%"
        parts.append(f'<text x="{x}" y="{HEIGHT - 8}" text-anchor="middle">{label}</text>')
    for power in range(low, high + 1):
        _, y = at(0, 10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{10.0**power:g}</text>')
    for name, curve in curves:
        points = " ".join("{},{}".format(*at(share, value)) for share, value in curve)
        parts.append(f'<polyline class="{name}" points="{points}"/>')
    return "".join([*parts, "</svg>"])


def strip(windows: Windows, limit: float, share: float) -> str:
    """Return one cell for each whole window: good, or bad (too many slow requests)."""
    bad = list(slow_windows(windows.whole(), limit, share))
    if not bad:
        return ""
    return _cells(["bad" if one else "good" for one in bad])


def pairs(windows: Windows, gate: RelativeGate) -> list[tuple[str, str]]:
    """Return a name and a strip for each quantile that can be compared window by window.

    A cell is even, worse (the candidate by the margin) or better (legacy is worse by as much).
    """
    whole, slack = windows.whole(), gate.slack_ms / 1000
    found = []
    for share in usable_quantiles(whole, gate.quantiles):
        signs = list(worse_windows(whole, share, gate.ratio, slack))
        found.append((f"{gate.name} p{share * 100:g}", _cells([_SIGNS[sign] for sign in signs])))
    return found


def _cells(kinds: list[str]) -> str:
    """Return one cell for each window; worse ones are also taller, for those who see no colour."""
    wide = max(0.5, min(14.0, (WIDTH - 4) / len(kinds)))
    gap = min(1.0, wide / 4)
    cells = []
    for place, kind in enumerate(kinds):
        top, high = _HEIGHTS[kind]
        cells.append(
            f'<rect class="{kind}" x="{place * wide:.1f}" y="{top}" '
            f'width="{wide - gap:.1f}" height="{high}"/>'
        )
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return (
        _svg_head(20, f"{len(kinds)} windows: {told}", wide * len(kinds))
        + "".join(cells)
        + "</svg>"
    )


def _curve(side: Histogram) -> list[tuple[float, float]]:
    shares = [share for share in _SHARES if share <= 1 - 1 / max(2, side.total)]
    return [(share, max(side.quantile(share) * 1000, 0.01)) for share in shares]


def _nines(share: float) -> float:
    return min(4.0, math.log10(1 / max(1e-9, 1 - share)))


def _svg_head(height: float, label: str, width: float = WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}" '
        f'style="max-width:{width:.0f}px">'
    )
