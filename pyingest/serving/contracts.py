"""Settings -> the contract as one function."""

import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

from pyingest.cleaning.settings import AddressPolicy, CleaningSettings
from pyingest.contract import service as modern_service
from pyingest.contract.faults import malformed
from pyingest.contract.outcome import too_large
from pyingest.contract.settings import (
    Authentication,
    ContractLimits,
    Credentials,
    Queues,
    Tokens,
    TrustedProxies,
    cleaning,
)
from pyingest.contract.settings import ContractSettings as ModernSettings
from pyingest.ingest import Decision, ingest
from pyingest.message import Request
from pyingest.queues.interface import parse_queue_url
from pyingest.routing import Routes
from pyingest.serving.parts import Contract
from pyingest.serving.privacy import private
from pyingest.serving.settings import Settings
from pyingest.wire.profile import PROFILES, Profile


def contract_of(settings: Settings) -> Contract:
    """Return the contract that *settings* name.

    :raises QueueError: the queue URL is wrong.
    """
    return modern(settings) if settings.contract.name == "modern" else classic(settings)


def classic(settings: Settings) -> Contract:
    """Return what the service being replaced does."""
    profile, routes = profile_of(settings), routes_of(settings)

    def decide(request: Request, peer: str, now: float) -> Decision:
        return ingest(request, peer, now, profile, routes)

    return decide


def modern(settings: Settings) -> Contract:
    """Return what today's clients need."""
    asked = modern_settings(settings)

    def decide(request: Request, peer: str, now: float) -> Decision:
        return modern_service.answer(request, peer, now, asked)

    return decide


def refusal_of(settings: Settings) -> Callable[[int, str], bytes]:
    """Return what answers bytes that are no request, so that browsers may read it, too."""
    texts = {413: too_large(settings.limits.body).error}

    def refuse(status: int, reason: str) -> bytes:
        return malformed(status, texts.get(status, reason.lower()), time.time()).encode()

    return refuse


def profile_of(settings: Settings) -> Profile:
    """Return how classic decodes, with what may be kept of an address."""
    plain = PROFILES[settings.contract.profile]
    if settings.privacy.ip == "keep":
        return plain
    return replace(plain, address=private(plain.address, settings.privacy.ip))


def routes_of(settings: Settings) -> Routes:
    """Return the queues of classic."""
    names = queue_names(settings)
    return Routes(track=names[0], engage=names[-1])


def queue_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the queues, in the URL's order; quarantined ones if that is asked.

    :raises QueueError: the URL is wrong.
    """
    quarantine = tuple(name for name in settings.queue.quarantine.split(",") if name)
    return quarantine or parse_queue_url(settings.queue.url).names


def modern_settings(settings: Settings) -> ModernSettings:
    """Return the settings in the words of the modern contract."""
    names = queue_names(settings)
    contract, imports, tokens = settings.contract, settings.imports, settings.tokens
    return ModernSettings(
        prefixes=contract.prefixes,
        limits=ContractLimits(settings.limits.body, contract.records),
        authentication=Authentication(imports.authentication),
        credentials=Credentials(imports.keys, imports.accounts, imports.projects),
        tokens=Tokens(frozenset(tokens.allow) or None, frozenset(tokens.deny)),
        queues=Queues(names[0], names[min(1, len(names) - 1)], names[-1]),
        proxies=TrustedProxies(
            tuple(ip_network(text) for text in settings.proxies.trusted), settings.proxies.hops
        ),
        redirect_hosts=frozenset(settings.redirect.hosts),
        retry_after=settings.limits.retry_after,
        clean=cleaning(
            CleaningSettings(
                address=AddressPolicy(settings.privacy.ip),
                address_key=settings.privacy.key.encode(),
                token_length=contract.token_length,
                record_bytes=contract.record_bytes,
            )
        ),
    )
