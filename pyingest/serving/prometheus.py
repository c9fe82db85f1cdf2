"""Samples -> Prometheus' text format 0.0.4 (prometheus.io, "Exposition formats")."""

from collections.abc import Iterable

from pyingest.serving.metrics import Family, Labels, Sample

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_SUFFIXES = ("_bucket", "_sum", "_count")


def rendered(samples: Iterable[Sample], families: Iterable[Family]) -> bytes:
    """Return *samples* as a scrape's body: each family with its help, its samples together.

    Samples of no known family are left out: without a type they would mean nothing.
    """
    grouped: dict[str, list[Sample]] = {family.name: [] for family in families}
    histograms = {family.name for family in families if family.kind == "histogram"}
    for sample in samples:
        name = sample.name
        for suffix in _SUFFIXES:
            if name.endswith(suffix) and name.removesuffix(suffix) in histograms:
                name = name.removesuffix(suffix)
        if name in grouped:
            grouped[name].append(sample)
    lines: list[str] = []
    for family in families:
        if grouped[family.name]:
            lines.append(f"# HELP {family.name} {_escaped(family.help)}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines += [_line(sample) for sample in grouped[family.name]]
    return "".join(f"{line}\n" for line in lines).encode()


def _line(sample: Sample) -> str:
    value = sample.value
    number = str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
    return f"{sample.name}{_labels(sample.labels)} {number}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escaped(text, quote=True)}"' for name, text in labels)
    return f"{{{pairs}}}"


def _escaped(text: str, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text
