"""``mixmigrate.toml`` and flags -> the settings of a dual run, or what is wrong and where."""

from collections.abc import Mapping
from pathlib import Path

from pyingest.queues.interface import QueueError
from pyingest.serving.reading import SettingsError, address, converted, parse, put_flags
from shadow.isolating.rules import rules_of
from shadow.isolating.settings import Isolating
from shadow.options import ShadowError, ShadowOptions, SideOptions, mapped_names
from shadow.options import address as service_address
from shadow.serving.settings import Settings, ShadowSettings

SERVICES = ("legacy", "candidate", "candidate_live", "legacy_shadow")
NEEDED = {
    "legacy": "the URL of the service in production",
    "candidate": "the URL of its rewrite",
    "legacy_queue": "where legacy's events lie",
    "candidate_queue": "where the candidate's events lie",
    "run": "a directory to record in",
}


def read_settings(path: Path | None, flags: Mapping[str, object]) -> Settings:
    """Return the settings of the file at *path*, with *flags* on top.

    :param flags: dotted keys, such as ``shadow.workers``; ``None`` stands for a flag that was
        not given.
    :raises SettingsError: the file cannot be read, or a setting is not allowed or missing.
    """
    where = "the flags" if path is None else str(path)
    data = {} if path is None else parse(path)
    put_flags(data, flags, where)
    settings = converted(data, Settings, where)
    _check(settings, where)
    return settings


def options_of(settings: Settings) -> ShadowOptions:
    """Return what one process of a dual run is told."""
    run, times = settings.shadow, settings.timeouts
    host, port = address(run.listen)
    return ShadowOptions(
        host=host,
        port=port,
        legacy=SideOptions(run.legacy, run.legacy_queue, run.legacy_build),
        candidate=SideOptions(run.candidate, run.candidate_queue, run.candidate_build),
        run=Path(run.run),
        notes=run.notes,
        candidate_live=run.candidate_live,
        legacy_shadow=run.legacy_shadow,
        cutover=Path(run.cutover) if run.cutover else None,
        backlog=run.backlog,
        answer_seconds=times.answer,
        connect_seconds=times.connect,
        drain_seconds=times.drain,
        grace_seconds=times.grace,
        isolating=Isolating(
            sampling=settings.sampling, rules=settings.rules, isolation=settings.isolation
        ),
        relaying=settings.relaying,
        recording=settings.recording,
    )


def _check(settings: Settings, where: str) -> None:
    """Look at what types alone cannot say.

    :raises SettingsError: something is missing, or an address, URL or pair of queues is wrong.
    """
    given = settings.shadow
    for name, what in NEEDED.items():
        if not getattr(given, name):
            raise SettingsError(
                f"{where}: no {name}: say {what} with --{name.replace('_', '-')}, "
                f"or as {name} in the section [shadow] of the file"
            )
    for name in ("listen", "live"):
        _check_address(f"shadow.{name}", getattr(given, name), where)
    for name in SERVICES:
        _check_url(f"shadow.{name}", getattr(given, name), where)
    _check_ways(given, where)
    rules_of(settings.rules, where)
    for flaw in (*settings.relaying.flaws(), *settings.recording.flaws()):
        raise SettingsError(f"{where}: {flaw}")
    try:
        mapped_names(options_of(settings))
    except (QueueError, ShadowError) as error:
        raise SettingsError(f"{where}: {error}") from None


def _check_address(name: str, text: str, where: str) -> None:
    _, colon, port = text.rpartition(":")
    if text and (not colon or not port.isdigit() or int(port) > 65535):
        raise SettingsError(f"{where}: {name}: {text!r} is not HOST:PORT, such as 127.0.0.1:0")


def _check_ways(given: ShadowSettings, where: str) -> None:
    """See that no service is the proxy itself: each request would come back for ever."""
    listen = address(given.listen)
    for name in SERVICES:
        url = getattr(given, name)
        if url and service_address(url) == listen:
            raise SettingsError(
                f"{where}: shadow.{name}: {url} is where the proxy itself listens "
                f"(shadow.listen = {given.listen!r}); give one of them another address"
            )


def _check_url(name: str, text: str, where: str) -> None:
    try:
        if text:
            service_address(text)
    except ShadowError as error:
        raise SettingsError(f"{where}: {name}: {error}") from None
