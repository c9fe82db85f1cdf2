"""Where a client is: from its address to a place, and what stays of the address (C11-C13)."""

from ipaddress import ip_address, ip_network

from pyingest.cleaning.draft import Draft, Outcome
from pyingest.cleaning.settings import AddressPolicy, CleaningSettings, Place
from pyingest.wire.term import Term


def kept(address: str, policy: AddressPolicy) -> str:
    """Return what may be kept of *address*: /24 of IPv4, /48 of IPv6 where it is truncated.

    Empty where nothing may, or where *address* is none and cannot be truncated.
    """
    if policy is AddressPolicy.KEEP:
        return address
    if policy is AddressPolicy.DROP:
        return ""
    try:
        version = ip_address(address).version
        network = ip_network((address, 24 if version == 4 else 48), strict=False)
    except ValueError:
        return ""
    return str(network.network_address)


def event_place(draft: Draft) -> Outcome:
    """C11. With ``ip=1`` the place of the request's address, else of ``ip``, is added where it is
    absent (``$city``, ``$region``, ``mp_country_code``), and ``ip`` goes. An ``ip`` of 0 asks for
    no place.

    Without a database ``ip`` is kept, truncated or dropped as the settings say.

    Source: the vendor's reference.
    """
    here = draft.circumstances
    said = draft.fields.get("ip")
    wanted = here.address if here.use_address and not _is_none(said) else said
    _place(draft, "ip", wanted, draft.fields, "mp_country_code")
    return None


def profile_place(draft: Draft) -> Outcome:
    """C12. The place of ``$ip``, else with ``ip=1`` of the request's address, is added to ``$set``
    (``$city``, ``$region``, ``$country_code``), and ``$ip`` goes. 0 asks for no place.

    Source: the vendor's reference; bytes of real clients.
    """
    here = draft.circumstances
    said = draft.fields.get("$ip")
    wanted = (
        said if isinstance(said, str) or _is_none(said) or not here.use_address else here.address
    )
    _place(draft, "$ip", wanted, draft.fields.get("$set"), "$country_code")
    return None


def has_coordinates(draft: Draft) -> bool:
    """C13. ``$latitude`` and ``$longitude`` stay as given, and win over a look-up.

    Source: the vendor's reference.
    """
    fields = draft.fields
    return fields.get("$latitude") is not None and fields.get("$longitude") is not None


def _place(draft: Draft, name: str, address: Term, target: Term, country: str) -> None:
    fields, settings = draft.fields, draft.settings
    rule = "profile_place" if draft.sign else "event_place"
    if address is None and name not in fields:
        return
    found = fields.pop(name, None)
    if not isinstance(address, str) or not address or _is_none(address):
        draft.notes.append(rule)
        return
    if settings.locate is None:
        stays = kept(address, settings.address)
        if stays:
            fields[name] = stays
        if stays != found:
            draft.notes.append(rule)
        return
    draft.notes.append(rule)
    if isinstance(target, dict) and not has_coordinates(draft):
        for key, value in _located(address, settings, country):
            if target.get(key) is None:
                target[key] = value


def _located(address: str, settings: CleaningSettings, country: str) -> list[tuple[str, str]]:
    assert settings.locate is not None
    try:
        place = settings.locate(str(ip_address(address))) or Place()
    except ValueError:
        return []
    names = (("$city", place.city), ("$region", place.region), (country, place.country))
    return [pair for pair in names if pair[1]]


def _is_none(address: Term) -> bool:
    return address in (0, "0") and address is not False
