"""What an operator may set about the modern contract."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network, IPv6Network

from pyingest.cleaning.cleaning import clean
from pyingest.cleaning.json_tolerant import decode
from pyingest.cleaning.record import Circumstances, Cleaned, Dropped, Refused
from pyingest.cleaning.settings import CleaningSettings
from pyingest.contract.places import Place, places
from pyingest.routing import Endpoint
from pyingest.wire.term import Term, Unreadable

Clean = Callable[[Term, Circumstances], Cleaned | Refused | Dropped]
Decode = Callable[[bytes], Term | Unreadable]


class Authentication(enum.Enum):
    """What ``/import`` asks of its clients."""

    OFF = "off"
    """Nothing; a credential that is there names the project of records without a token."""
    TOKEN = "token"
    """A credential that is there must be known. Without one the records' own tokens count."""
    REQUIRED = "required"
    """There must be a known credential."""


@dataclass(frozen=True, slots=True)
class ContractLimits:
    """How much a request may hold; sizes in bytes."""

    body: int = 10 * 1024 * 1024
    """Of a request, decompressed."""
    records: int = 2000


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Which elements of ``X-Forwarded-For`` are believed."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks of our own fronts: what these say about their client is believed."""
    hops: int = 0
    """How many fronts stand before us, whatever their addresses."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Which projects may send."""

    allow: frozenset[str] | None = None
    """These alone; ``None``: all."""
    deny: frozenset[str] = frozenset()

    def permit(self, token: str) -> bool:
        """Say whether records of *token* are taken."""
        return token not in self.deny and (self.allow is None or token in self.allow)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ``/import`` knows its clients by."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """API key, API secret or project token, to the project's token."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """Service account's name to its secret."""
    projects: Mapping[str, str] = field(default_factory=dict)
    """``project_id`` to the project's token, for service accounts."""


@dataclass(frozen=True, slots=True)
class Queues:
    """Queue names by what comes to them."""

    events: str = "events"
    profiles: str = "profiles"
    groups: str = "profiles"

    def name(self, endpoint: Endpoint) -> str:
        """Return the name of the queue that takes what comes to *endpoint*."""
        if endpoint is Endpoint.ENGAGE:
            return self.profiles
        return self.groups if endpoint is Endpoint.GROUPS else self.events


def cleaning(settings: CleaningSettings) -> Clean:
    """Return the cleaning of records by *settings*: what addresses are kept, how large one is."""
    return partial(clean, settings=settings)


@dataclass(frozen=True, slots=True)
class ContractSettings:
    """The modern contract as one operator wants it."""

    prefixes: tuple[str, ...] = ("",)
    """What may stand before ``/track`` and the others, for example ``/mp``."""
    limits: ContractLimits = ContractLimits()
    authentication: Authentication = Authentication.OFF
    credentials: Credentials = field(default_factory=Credentials)
    tokens: Tokens = Tokens()
    queues: Queues = Queues()
    proxies: TrustedProxies = TrustedProxies()
    redirect_hosts: frozenset[str] = frozenset()
    """Hosts that ``redirect`` may lead to; ``.example.com`` means every host below it."""
    track_window: float | None = None
    """Seconds that an event on ``/track`` may be old, for example 5 days; ``None``: any age."""
    retry_after: int = 30
    """Whole seconds that a client is asked to wait when nothing can be stored."""
    too_many_requests: bool = False
    """Whether ``/track``, ``/engage`` and ``/groups`` answer 429, not 503, to a client beyond its
    rate. Some phones throw a batch away at 429."""
    clean: Clean = clean
    """What judges and mends one record; :func:`cleaning` makes one with other settings."""
    decode: Decode = decode
    """What reads JSON."""

    @property
    def places(self) -> Mapping[bytes, Place]:
        """What each path that is served means."""
        return places(self.prefixes)
