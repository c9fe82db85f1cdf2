"""Who sends to ``/import``, by any of the credentials that clients have (RFC 7617 for Basic)."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from pyingest.contract import base64_lenient
from pyingest.contract.settings import Authentication, Credentials


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request brought."""

    key: str = ""
    """``api_key``, or the user of Basic without a password."""
    account: str = ""
    secret: str = ""
    project_id: str = ""
    broken: bool = False
    """Whether there is an ``Authorization`` that cannot be read."""


def project(
    parameters: Mapping[bytes, bytes],
    authorization: bytes | None,
    known: Credentials,
    demand: Authentication,
) -> str | None:
    """Return the token of the project that the credential names, or ``None`` to refuse.

    Empty: nobody said, and *demand* does not ask.
    """
    presented = _presented(parameters, authorization)
    if presented == Presented():
        return None if demand is Authentication.REQUIRED else ""
    found = _resolved(presented, known)
    if demand is Authentication.OFF:
        return found if found is not None else _believed(presented, known)
    return found


def _presented(parameters: Mapping[bytes, bytes], authorization: bytes | None) -> Presented:
    key = _text(parameters.get(b"api_key", b""))
    if authorization is None:
        return Presented(key)
    scheme, _, rest = authorization.strip().partition(b" ")
    plain = base64_lenient.decode(rest.strip()) if scheme.lower() == b"basic" else None
    if plain is None:
        return Presented(key, broken=True)
    user, _, password = plain.partition(b":")
    if not password:
        return Presented(key or _text(user), broken=not (key or user))
    project_id = _text(parameters.get(b"project_id", b""))
    return Presented(key, _text(user), _text(password), project_id)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()


def _resolved(presented: Presented, known: Credentials) -> str | None:
    """Return the project of what is known to us, or ``None``."""
    if presented.key in known.keys:
        return known.keys[presented.key]
    secret = known.accounts.get(presented.account, "")
    if secret and hmac.compare_digest(secret.encode(), presented.secret.encode()):
        return known.projects.get(presented.project_id)
    return None


def _believed(presented: Presented, known: Credentials) -> str:
    """Return the project by what a client says of itself, where nobody checks.

    With a table of keys, one that is not in it names nothing; without, it is the token.
    """
    if presented.account:
        return known.projects.get(presented.project_id, "")
    return "" if known.keys else presented.key
