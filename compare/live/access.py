"""Who may see the live page: a token, or a loopback address that is asked by its own name.

A page shows clients' data. On a loopback address everybody on this machine may see it; a page of
somebody else's in a browser here may not, though its name may be made to lead here (DNS rebinding):
so the name that was asked for must be a loopback one.
"""

import enum
import hmac
import ipaddress
import re
from dataclasses import dataclass

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?")
_PORT = re.compile(r":(\d{1,5})$")


class Entry(enum.Enum):
    """What becomes of a request."""

    GRANTED = 200
    UNAUTHORIZED = 401
    """The token is missing or wrong."""
    FORBIDDEN = 403
    """It comes from another site's page."""
    MISDIRECTED = 421
    """The name that was asked for is not one of this machine's own."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What of a request tells who asks. Header values; empty where there is none."""

    host: str = ""
    authorization: str = ""
    cookie: str = ""
    token: str = ""
    """From the query."""
    site: str = ""
    """``Sec-Fetch-Site``: whose page asks, as a browser tells (Fetch Metadata)."""
    mode: str = ""
    """``Sec-Fetch-Mode``: ``navigate`` when somebody follows a link."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one page."""

    token: str = ""
    """What opens the page; empty: nothing is asked for."""
    loopback: bool = True
    """Whether the page listens on a loopback address."""

    def check(self, caller: Caller) -> Entry:
        """Return whether *caller* may see the page."""
        if self.loopback and not is_own_name(caller.host):
            return Entry.MISDIRECTED
        if caller.site in ("cross-site", "same-site") and caller.mode != "navigate":
            return Entry.FORBIDDEN
        if self.token and not any(self._opens(one) for one in _shown(caller)):
            return Entry.UNAUTHORIZED
        return Entry.GRANTED

    def _opens(self, shown: str) -> bool:
        """Compare in a time that tells nothing about the token."""
        return hmac.compare_digest(shown.encode("utf-8", "replace"), self.token.encode("utf-8"))


def _shown(caller: Caller) -> list[str]:
    """Return every token that the caller shows."""
    scheme, _, bearer = caller.authorization.partition(" ")
    shown = [caller.token]
    for one in caller.cookie.split(";"):
        name, _, value = one.strip().partition("=")
        if name == cookie_name(caller.host):
            shown.append(value)
    if scheme.lower() == "bearer":
        shown.append(bearer.strip())
    return [one for one in shown if one]


def cookie_name(host: str) -> str:
    """Return the name of the cookie that keeps the token, for who asked by that ``Host``.

    Browsers keep one jar for all ports of a host, on which there may be several pages.
    """
    found = _PORT.search(host)
    return f"mixmigrate_live_{found[1] if found else 80}"


def is_loopback(host: str) -> bool:
    """Say whether *host*, an address or a name, is this machine and nobody else's."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_name(host: str) -> bool:
    """Say whether a ``Host`` header, with a port or without, names a loopback address."""
    found = _HOST.fullmatch(host.strip())
    return found is not None and is_loopback(found[1])
