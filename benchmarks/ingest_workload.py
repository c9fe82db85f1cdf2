"""The requests that ingestion servers are measured with: the same bytes for every server.

A mix as it comes from the clients of 2011 and of today: 55 % ``GET /track?data=...`` from a
browser behind a front, 40 % form ``POST`` of one event, 5 % form ``POST`` of ten. Half ask for a
verbose answer, one in a hundred lacks its token. Events hold nested lists, floats, nulls, text
beyond ASCII and escapes. The mean of valid events is about 1.45 a request.
"""

import base64
import json
import random
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

SEED = 2011
COUNT = 4_000
BATCH = 10

_NAMES = ("page view", "sign up", "purchase", "search", "$create_alias", "video played", "share")
_CITIES = ("Berlin", "São Paulo", "東京", "Zürich", "Москва", "New York", "Oslo", "Lyon")
_ORIGINS = ("https://shop.example.com", "https://www.example.org", "http://news.example.net")
_AGENTS = (
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/535.1 (KHTML, like Gecko) Chrome/13.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_7) AppleWebKit/534.48 (KHTML) Version/5.1 Safari",
    "Mozilla/5.0 (X11; Linux x86_64; rv:6.0) Gecko/20100101 Firefox/6.0",
)
_LONGEST_EXTRA = 5


def requests(count: int = COUNT, seed: int = SEED) -> list[bytes]:
    """Return *count* complete HTTP/1.1 requests; equal arguments give equal bytes."""
    draw = random.Random(seed)
    return [_request(draw) for _ in range(count)]


def wrk_script(items: list[bytes]) -> str:
    """Return a wrk script (Lua) that sends *items* in order, again and again."""
    lines = ["local items = {"]
    lines += ['"' + "".join(f"\\{byte:03d}" for byte in item) + '",' for item in items]
    lines += ["}", "local at = 0", "request = function()", "  at = at % #items + 1"]
    return "\n".join([*lines, "  return items[at]", "end", ""])


def _request(draw: random.Random) -> bytes:
    kind = draw.random()
    verbose = draw.random() < 0.5
    valid = draw.random() >= 0.01
    if kind < 0.55:
        return _get(draw, _event(draw, valid), verbose)
    if kind < 0.95:
        return _post(draw, _event(draw, valid), verbose)
    return _post(draw, [_event(draw, valid) for _ in range(BATCH)], verbose)


def _get(draw: random.Random, event: Any, verbose: bool) -> bytes:
    flag = b"&verbose=1" if verbose else b""
    stamp = 1_311_111_111_000 + draw.randrange(10**9)
    target = b"/track?data=%b%b&ip=1&_=%d" % (_coded(draw, event), flag, stamp)
    lines = [
        b"GET %b HTTP/1.1" % target,
        b"Host: api.example.com",
        b"Connection: keep-alive",
        b"User-Agent: " + draw.choice(_AGENTS).encode(),
        b"Accept: */*",
        b"Referer: https://shop.example.com/item/%d" % draw.randrange(10**5),
        b"Accept-Encoding: gzip, deflate",
        b"Accept-Language: en-US,en;q=0.8",
        b"X-Forwarded-For: " + _address(draw),
    ]
    return b"\r\n".join([*lines, b"", b""])


def _post(draw: random.Random, events: Any, verbose: bool) -> bytes:
    body = b"data=%b%b&ip=1" % (_coded(draw, events), b"&verbose=1" if verbose else b"")
    lines = [
        b"POST /track/ HTTP/1.1",
        b"Host: api.example.com",
        b"User-Agent: " + draw.choice(_AGENTS).encode(),
        b"Accept: */*",
        b"Content-Type: application/x-www-form-urlencoded",
        b"Content-Length: %d" % len(body),
    ]
    if draw.random() < 0.5:
        lines.append(b"Origin: " + draw.choice(_ORIGINS).encode())
    return b"\r\n".join([*lines, b"", body])


def _coded(draw: random.Random, value: Any) -> bytes:
    """Return *value* as JSON in base64, as one parameter; half the clients write ASCII only."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=draw.random() < 0.5)
    return quote_from_bytes(base64.b64encode(text.encode()), safe="").encode()


def _address(draw: random.Random) -> bytes:
    return b".".join(b"%d" % draw.randrange(1, 255) for _ in range(4))


def _event(draw: random.Random, valid: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"token": f"{draw.getrandbits(128):032x}"} if valid else {}
    properties |= {
        "distinct_id": f"{draw.getrandbits(160):040x}",
        "$browser": draw.choice(("Chrome", "Firefox", "Safari", "Opera")),
        "$os": draw.choice(("Windows", "Mac OS X", "Linux", "iPhone")),
        "$current_url": f"https://shop.example.com/item/{draw.randrange(10**6)}?ref=mail",
        "$initial_referrer": "https://www.google.com/",
        "count": draw.randrange(1_000),
        "price": draw.choice((round(draw.uniform(1, 500), 2), draw.randrange(500))),
        "campaign": None if draw.random() < 0.5 else "spring",
    }
    for number in range(draw.randrange(_LONGEST_EXTRA + 1)):
        properties[f"extra_{number}"] = _extra(draw)
    if draw.random() < 0.25:
        properties["city"] = draw.choice(_CITIES)
    return {"event": draw.choice(_NAMES), "properties": properties}


def _extra(draw: random.Random) -> Any:
    match draw.randrange(5):
        case 0:
            return [draw.randrange(100), [draw.random() < 0.5, None], {"unit": "kg", "n": 1}]
        case 1:
            return round(draw.uniform(-180, 180), draw.choice((4, 6, 15)))
        case 2:
            return 'he said "yes" \\ then left\n'
        case 3:
            return {"width": draw.randrange(4_000), "height": draw.randrange(3_000), "dpr": 1.5}
        case _:
            return "Lorem ipsum dolor sit amet, consectetur adipiscing elit"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(wrk_script(requests()))
