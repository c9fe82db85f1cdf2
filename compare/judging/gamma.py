"""The two halves of the gamma integral, as logarithms that neither overflow nor cancel.

``lower`` is ln(eˣ x⁻ᵃ γ(a, x)) and ``upper`` is ln(eˣ x⁻ᵃ Γ(a, x)): the mixtures of the e-process
in closed form, for real a. The half that is no more than about the whole's middle is computed as it
stands: by its power series (DLMF 8.11.4) or its continued fraction (DLMF 8.9.2), and for a large a,
where both take about √a steps, by Gauss-Legendre quadrature. The other half is the whole,
Γ(a), less that.
"""

import math

_LARGE = 1000.0
"""From this a on, quadrature. Both ways agree here to 1e-12; see the tests."""
_DEPTH = 45.0
"""Quadrature stops where the integrand is e⁻⁴⁵ of its greatest."""
_TINY = 1e-300


def lower(a: float, x: float) -> float:
    """Return ln(eˣ x⁻ᵃ ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt), for a > 0 and x >= 0; -ln a at x = 0."""
    if x < a:
        return math.log(_series(a, x) if a < _LARGE else _area(a, x, -1))
    return _rest(a, x, _upper_tail(a, x))


def upper(a: float, x: float) -> float:
    """Return ln(eˣ x⁻ᵃ ∫ₓ^∞ tᵃ⁻¹ e⁻ᵗ dt), for a > 0 and x > 0."""
    if x >= a:
        return math.log(_upper_tail(a, x))
    return _rest(a, x, _series(a, x) if a < _LARGE else _area(a, x, -1))


def _upper_tail(a: float, x: float) -> float:
    return _fraction(a, x) if a < _LARGE else _area(a, x, 1)


def _rest(a: float, x: float, half: float) -> float:
    whole = _whole(a, x)
    return whole + math.log1p(-math.exp(min(math.log(half) - whole, -1e-16)))


def _whole(a: float, x: float) -> float:
    """Return ln(eˣ x⁻ᵃ Γ(a)), by Stirling's series where its terms would cancel."""
    if a < 100:
        return x - a * math.log(x) + math.lgamma(a)
    off = (x - a) / a
    fall = math.log1p(off) if abs(off) < 0.5 else math.log(x / a)
    stirling = 1 / (12 * a) - 1 / (360 * a**3) + 1 / (1260 * a**5)
    return a * (off - fall) + math.log(2 * math.pi / a) / 2 + stirling


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    step = a
    while term > 1e-17 * total:
        step += 1
        term *= x / step
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """Return the continued fraction by Lentz's method, as modified by Thompson and Barnett."""
    b = x + 1 - a
    d = 1 / b
    c, value = 1 / _TINY, d
    for step in range(1, 100_000):
        top = step * (a - step)
        b += 2
        d = 1 / (top * d + b or _TINY)
        c = b + top / c or _TINY
        value *= c * d
        if abs(c * d - 1) < 4e-16:
            break
    return value


def _legendre(order: int) -> list[tuple[float, float]]:
    """Return the nodes and weights of Gauss-Legendre quadrature on [0, 1]."""
    rule = []
    for place in range(1, order + 1):
        z = math.cos(math.pi * (place - 0.25) / (order + 0.5))
        for _ in range(8):
            before, value = 1.0, z
            for degree in range(2, order + 1):
                before, value = (
                    value,
                    ((2 * degree - 1) * z * value - (degree - 1) * before) / degree,
                )
            slope = order * (z * value - before) / (z * z - 1)
            z -= value / slope
        rule.append(((1 + z) / 2, 1 / ((1 - z * z) * slope * slope)))
    return rule


_RULE = _legendre(48)


def _area(a: float, x: float, side: int) -> float:
    """Return ∫ (1 ± v/x)ᵃ⁻¹ e^∓ᵛ dv / x over the half that *side* (1: upper, -1: lower) names.

    The integrand is 1 at v = 0 and falls about like e^(-slope·v - bend·v²/2). For a large a its end
    is well below x.
    """
    if not x:
        return 1 / a
    slope, bend = abs(x - a) / x, a / (x * x)
    end = 2.6 * _DEPTH / (slope + math.sqrt(slope * slope + 2 * _DEPTH * bend))
    total = 0.0
    for node, weight in _RULE:
        v = end * node
        total += weight * math.exp((a - 1) * math.log1p(side * v / x) - side * v)
    return total * end / x
