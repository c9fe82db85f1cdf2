"""What may be hit. A replay is a load test: aimed wrongly, it is an attack, or real data twice."""

from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from pyingest.message import Request, header


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go."""

    host: str
    """A name or an address, without brackets."""
    port: int

    @property
    def authority(self) -> str:
        """``HOST:PORT`` as a ``Host`` header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether this is certainly this machine."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Refused:
    """A target that is not hit."""

    why: str
    """What is wrong and what to do, for the user."""


def find_target(url: str) -> Target | Refused:
    """Return where *url* points."""
    wanted = "it should look like http://127.0.0.1:8000"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return Refused(f"{url}: {error}; {wanted}")
    if parts.scheme != "http":
        return Refused(f"{url}: only http:// is spoken; {wanted}")
    if not parts.hostname:
        return Refused(f"{url}: names no host; {wanted}")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        return Refused(f"{url}: targets come from the log, name only host and port; {wanted}")
    return Target(parts.hostname, 80 if port is None else port)


def permit(target: Target, allowed: Collection[str], seen: Collection[str]) -> Target | Refused:
    """Return *target*, or why it must not be hit.

    This machine always may. Any other must be named, and it must not be one that the log
    speaks of: that is where the traffic came from.

    :param allowed: hosts that the user named with ``--allow``.
    :param seen: hosts of the log, see :func:`host_of`.
    """
    if target.is_loopback:
        return target
    if target.host in {host.lower() for host in seen}:
        return Refused(
            f"{target.host}: the log's own requests went there, so this is production; "
            "replay to a copy"
        )
    if target.host not in {host.lower().strip("[]") for host in allowed}:
        return Refused(
            f"{target.host}: not this machine; if it may take this load, add --allow {target.host}"
        )
    return target


def host_of(request: Request) -> str:
    """Return the host that a request was sent to, in lower case and without its port."""
    try:
        parts = urlsplit("//" + (header(request.headers, b"host") or b"").decode("latin-1"))
        return parts.hostname or ""
    except ValueError:
        return ""
