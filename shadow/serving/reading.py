"""``mixmigrate.toml`` and flags -> the settings of a dual run, or what is wrong and where."""

from collections.abc import Mapping
from pathlib import Path

from pyingest.queues.interface import QueueError
from pyingest.serving.reading import SettingsError, address, converted, parse, put_flags
from shadow.breaker import BreakerLimits
from shadow.lane import LaneLimits
from shadow.options import ShadowError, ShadowOptions, SideOptions, mapped_names
from shadow.options import address as service_address
from shadow.serving.settings import ShadowSettings

SECTION = "shadow"
OTHERS = frozenset({"cutover", "doctor", "replay", "compare", "calibrate", "live"})
"""Sections of the same file that are other commands' business."""
NEEDED = {
    "legacy": "the URL of the service in production",
    "candidate": "the URL of its rewrite",
    "legacy-queue": "where legacy's events lie",
    "candidate-queue": "where the candidate's events lie",
    "run": "a directory to record in",
}


def read_settings(path: Path | None, flags: Mapping[str, object]) -> ShadowSettings:
    """Return the settings of the section ``[shadow]`` of *path*, with *flags* on top.

    :param flags: keys of the section, with dots, such as ``timeouts.answer``; ``None`` stands for
        a flag that was not given.
    :raises SettingsError: the file cannot be read, or a setting is not allowed or missing.
    """
    where = "the flags" if path is None else str(path)
    data = {} if path is None else parse(path)
    if path is not None:
        _look_at_sections(data, where)
    section = data.setdefault(SECTION, {})
    if not isinstance(section, dict):
        raise SettingsError(f"{where}: {SECTION}: must be a section: [{SECTION}]")
    put_flags(section, flags, where)
    settings = converted(section, ShadowSettings, where if path is None else f"{where}: [shadow]")
    _check(settings, where)
    return settings


def options_of(settings: ShadowSettings) -> ShadowOptions:
    """Return what one process of a dual run is told."""
    host, port = address(settings.listen)
    lane, breaker, times = settings.lane, settings.breaker, settings.timeouts
    return ShadowOptions(
        host=host,
        port=port,
        legacy=SideOptions(settings.legacy, settings.legacy_queue, settings.legacy_build),
        candidate=SideOptions(
            settings.candidate, settings.candidate_queue, settings.candidate_build
        ),
        run=Path(settings.run),
        notes=settings.notes,
        share=settings.share,
        answer_seconds=times.answer,
        connect_seconds=times.connect,
        drain_seconds=times.drain,
        grace_seconds=times.grace,
        lane=LaneLimits(lane.requests, lane.bytes, lane.in_flight),
        breaker=BreakerLimits(breaker.failures, breaker.first, breaker.longest),
    )


def _look_at_sections(data: Mapping[str, object], where: str) -> None:
    """Find a section whose name is misspelled: what stands in it would have no effect."""
    unknown = data.keys() - OTHERS - {SECTION}
    if unknown:
        known = ", ".join(f"[{name}]" for name in sorted({SECTION, *OTHERS}))
        raise SettingsError(f"{where}: {min(unknown)}: no such section; allowed: {known}")


def _check(settings: ShadowSettings, where: str) -> None:
    """Look at what types alone cannot say.

    :raises SettingsError: something is missing, or an address, URL or pair of queues is wrong.
    """
    for name, what in NEEDED.items():
        if not getattr(settings, name.replace("-", "_")):
            raise SettingsError(
                f"{where}: no {name}: say {what} with --{name}, or as {name} in the section "
                f"[{SECTION}] of the file"
            )
    for name in ("listen", "live"):
        _check_address(name, getattr(settings, name), where)
    for name in ("legacy", "candidate", "candidate_live", "legacy_shadow"):
        _check_url(name.replace("_", "-"), getattr(settings, name), where)
    try:
        mapped_names(options_of(settings))
    except (QueueError, ShadowError) as error:
        raise SettingsError(f"{where}: {error}") from None


def _check_address(name: str, text: str, where: str) -> None:
    _, colon, port = text.rpartition(":")
    if text and (not colon or not port.isdigit() or int(port) > 65535):
        raise SettingsError(f"{where}: {name}: {text!r} is not HOST:PORT, such as 127.0.0.1:0")


def _check_url(name: str, text: str, where: str) -> None:
    try:
        if text:
            service_address(text)
    except ShadowError as error:
        raise SettingsError(f"{where}: {name}: {error}") from None
