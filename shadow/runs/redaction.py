"""What never gets to the disk: headers and fields of payloads stand as keyed hashes.

Both sides' records are treated alike, and equal values have equal hashes, so what is compared
comes out as if nothing had been hidden. Without the key nobody can try values out.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from json.encoder import encode_basestring_ascii
from urllib.parse import quote_from_bytes

from pyingest.message import Headers, Request, Response
from shadow.exchange import Answered, Exchange, Failed, NotMirrored, Outcome, TappedEvent
from shadow.runs.manifest import Redacted
from shadow.runs.payloads import Payloads
from shadow.runs.secrets import Key

HEADERS = ("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie")
"""Hidden unless somebody says otherwise."""
SPELLINGS = 1000
"""Spellings of headers' names that are remembered."""
SHORTEST = 4
"""Bytes of a secret from which on it is looked for in answers and other headers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be hidden."""

    headers: Sequence[str] = HEADERS
    fields: Sequence[str] = ()
    """Keys of the payload, ``$email``, or paths, ``properties.$email``. Of a path the last key
    counts, wherever it stands: a candidate that puts it elsewhere must not give it away."""


class Redactor:
    """Hides what *asked* names, by the hashes of *key*."""

    def __init__(self, key: Key, asked: Asked | None = None) -> None:
        self._key = key
        asked = asked or Asked()
        self._headers = {name.lower().encode("latin-1") for name in asked.headers}
        self._known: dict[bytes, bool] = {}
        """Names of headers as they were spelled, and whether they are hidden."""
        self._names = {_last(path) for path in asked.fields}
        self.told = Redacted(
            key=key.name if self._headers or self._names else "",
            headers=sorted(asked.headers),
            fields=sorted(asked.fields),
        )
        """For the run's manifest."""

    def exchange(self, exchange: Exchange) -> Exchange:
        """Return *exchange* without secrets."""
        if not self._names and not self._has_headers(exchange):
            return exchange
        payloads = Payloads(self._names, self._key)
        request = exchange.request
        target, body = request.target, request.body
        if self._names:
            target, body = payloads.target(target), payloads.body(body, request.headers)
        scrub = _Scrub(payloads.secrets, self._key)
        hidden = Request(
            request.method,
            target,
            self._hidden(request.headers, scrub),
            body,
            request.version,
        )
        return replace(
            exchange,
            request=hidden,
            legacy=self._outcome(exchange.legacy, scrub),
            candidate=self._outcome(exchange.candidate, scrub),
        )

    def event(self, event: TappedEvent) -> TappedEvent:
        """Return *event* without secrets."""
        if not self._names:
            return event
        body = Payloads(self._names, self._key).event(event.body)
        return event if body == event.body else replace(event, body=body)

    def _has_headers(self, exchange: Exchange) -> bool:
        """Say whether a header is to be hidden; for most requests there is none."""
        if self._any_of(exchange.request.headers):
            return True
        for outcome in (exchange.legacy, exchange.candidate):
            if isinstance(outcome, Answered) and self._any_of(outcome.response.headers):
                return True
        return False

    def _any_of(self, headers: Headers) -> bool:
        known = self._known
        for name, _ in headers:
            is_hidden = known.get(name)
            if is_hidden is None:
                is_hidden = name.lower() in self._headers
                if len(known) < SPELLINGS:
                    known[name] = is_hidden
            if is_hidden:
                return True
        return False

    def _outcome(self, outcome: Outcome | NotMirrored, scrub: "_Scrub") -> Outcome | NotMirrored:
        match outcome:
            case Answered(response, seconds):
                headers = self._hidden(response.headers, scrub)
                body = scrub(response.body)
                if headers is response.headers and body is response.body:
                    return outcome
                return Answered(
                    Response(response.status, response.reason, headers, body, response.version),
                    seconds,
                )
            case Failed(kind, detail, seconds) if scrub.is_needed:
                plain = scrub(detail.encode("utf-8", "surrogatepass"))
                return Failed(kind, plain.decode("utf-8", "replace"), seconds)
        return outcome

    def _hidden(self, headers: Headers, scrub: "_Scrub") -> Headers:
        if not scrub.is_needed and not self._any_of(headers):
            return headers
        return tuple(
            (name, self._key.of(b"h" + value).encode())
            if name.lower() in self._headers
            else (name, scrub(value))
            for name, value in headers
        )


class _Scrub:
    """Replaces the secrets of one request wherever they stand, in the usual spellings."""

    def __init__(self, secrets: Iterable[bytes], key: Key) -> None:
        self._key = key
        self._known = {
            spelled: secret
            for secret in secrets
            if len(secret) >= SHORTEST
            for spelled in _spellings(secret)
        }
        longest_first = sorted(self._known, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, longest_first))) if self._known else None

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to look for."""
        return self._any is not None

    def __call__(self, text: bytes) -> bytes:
        """Return *text* without the secrets."""
        return text if self._any is None else self._any.sub(self._replaced, text)

    def _replaced(self, match: re.Match[bytes]) -> bytes:
        return self._key.of(b"s" + self._known[match[0]]).encode()


def _spellings(secret: bytes) -> set[bytes]:
    """Return a secret as it may stand in an answer: as it is, in JSON, in an address."""
    if secret.isalnum() and secret.isascii():
        return {secret}
    text = secret.decode("utf-8", "surrogateescape")
    escaped = encode_basestring_ascii(text)[1:-1].encode("ascii", "replace")
    return {
        secret,
        escaped,
        quote_from_bytes(secret).encode(),
        quote_from_bytes(secret, "").encode(),
    }


def _last(path: str) -> bytes:
    return path.rpartition(".")[2].encode()
