"""A made-up world of product analytics: projects, people, sessions, and what they do.

Everything is drawn from one :class:`random.Random`, so a seed gives the same world and the same
events in the same order. Names end in ``example.test``, addresses are those set aside for
documentation (RFC 2606, RFC 5737, RFC 3849).
"""

from collections.abc import Callable
from itertools import accumulate
from random import Random
from typing import Any

Record = dict[str, Any]

PROJECTS = 40
PEOPLE = 5_000
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_EVENTS = (
    *(
        "$mp_web_page_view",
        "Page View",
        "Signed Up",
        "Login",
        "Search",
        "Item Viewed",
        "Add to Cart",
    ),
    *("Checkout", "Purchase", "Plan Changed", "Video Started", "Video Completed", "Level Up"),
    *("Message Sent", "Invite Sent", "menu:open", "Email Clicked", "App Open", "Song Played"),
    *("Über uns geöffnet", "ページ表示", "регистрация", "Bought 🎁", "a/b test: seen", "Error"),
)
_PAGES = (
    "/",
    "/pricing",
    "/item/%d",
    "/help/%d?ref=or&q=a+b",
    "/search?q=h%%C3%%A9llo&p=%d",
    "/c/%d",
)
_SITES = ("orshi", "banren", "veltorren", "galwyn", "kadradov", "tivlinzu", "eshshinu", "zugal")
_WORDS = (
    *(
        "sale",
        "x&y",
        "a+b",
        "new user",
        "naïve",
        "ação",
        "Zoë",
        "日本語",
        "Ελλάδα",
        "שלום",
        "🙂",
        "👩‍🚀",
    ),
    *('say "hi"', "back\\slash", "tab\there", "50 % off", "~!*()'", "<b>bold</b>", "line\nbreak"),
)
_SYSTEMS = ("Windows", "Mac OS X", "Linux", "iOS", "Android")
_BROWSERS = ("Chrome", "Safari", "Firefox", "Internet Explorer", "Opera")
_PLANS = ("free", "pro", "team", None)


class World:
    """Projects with Zipf-distributed traffic, and the people in them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.tokens = [f"{random.getrandbits(128):032x}" for _ in range(PROJECTS)]
        self._people = [self._person() for _ in range(PEOPLE)]
        self._project_weights = list(accumulate(1 / rank for rank in range(1, PROJECTS + 1)))
        self._event_weights = list(accumulate(1 / rank**0.8 for rank in range(1, len(_EVENTS) + 1)))
        self._person_weights = list(accumulate(1 / rank**0.6 for rank in range(1, PEOPLE + 1)))

    def token(self) -> str:
        """Return a project's token; a few projects have most of the traffic."""
        return self.random.choices(self.tokens, cum_weights=self._project_weights)[0]

    def person(self) -> str:
        """Return somebody's ``distinct_id``."""
        return self.random.choices(self._people, cum_weights=self._person_weights)[0]

    def address(self) -> str:
        """Return a client's address."""
        random = self.random
        if random.random() < 0.04:
            return f"2001:db8:{random.getrandbits(16):x}::{random.getrandbits(16):x}"
        net = random.choice(("192.0.2", "198.51.100", "203.0.113"))
        return f"{net}.{random.randrange(1, 255)}"

    def page(self) -> str:
        """Return the address of a page that somebody looks at."""
        page = self.random.choice(_PAGES)
        path = page % self.random.randrange(1, 5000) if "%d" in page else page
        return f"https://www.{self.random.choice(_SITES)}.example.test{path}"

    def word(self) -> str:
        """Return a piece of text, some of it awkward."""
        return self.random.choice(_WORDS)

    def unique(self, length: int = 16) -> str:
        """Return an id that no other record has."""
        return "".join(self.random.choices(_ALPHABET, k=length))

    def event(self, at: float, properties: int = 4) -> Record:
        """Return an event of about *properties* properties, sent at *at* (epoch seconds)."""
        held: Record = {
            "token": self.token(),
            "distinct_id": self.person(),
            "time": round(at - self.random.expovariate(0.5), 3),
            "$insert_id": self.unique(),
        }
        for _ in range(self.random.randint(1, properties)):
            name, value = self._property()
            held[name] = value
        name = self.random.choices(_EVENTS, cum_weights=self._event_weights)[0]
        return {"event": name, "properties": held}

    def update(self, at: float) -> Record:
        """Return a change to a person's profile, sent at *at* (epoch seconds)."""
        record: Record = {
            "$token": self.token(),
            "$distinct_id": self.person(),
            "$time": round(at, 3),
        }
        operation, value = self._operation(at)
        return {**record, operation: value, "$request_id": self.unique()}

    def _person(self) -> str:
        random = self.random
        kind = random.random()
        if kind < 0.4:
            return (
                f"{random.getrandbits(52):x}-{random.getrandbits(52):x}-{random.getrandbits(24):x}"
            )
        if kind < 0.7:
            return str(random.randrange(1_000_000, 9_999_999))
        return f"user+{random.randrange(100_000)}@mail.example.test"

    def _property(self) -> tuple[str, Any]:
        name, draw = self.random.choice(_PROPERTIES)
        return name, draw(self)

    def nested(self) -> Record:
        """Return an object with an object in it, empty things, and null."""
        random = self.random
        return {
            "exp": {"variant": random.choice("ABC"), "bucket": random.randrange(100)},
            "flags": [random.random() < 0.5, None, []],
            "score": random.random(),
            "": {},
        }

    def _operation(self, at: float) -> tuple[str, Any]:
        random = self.random
        match random.randrange(8):
            case 0:
                return "$add", {"points": random.randrange(-5, 50), "spent": random.random() * 90}
            case 1:
                return "$append", {"$transactions": {"$time": int(at), "$amount": 9.5}}
            case 2:
                return "$union", {"tags": [self.word(), self.word()]}
            case 3:
                return "$unset", ["temp", "old plan"]
            case 4:
                return "$set_once", {"first seen": "2011-11-21T08:00:00", "$ip": "0"}
            case 5:
                return "$delete", random.choice(("", None, "null"))
            case _:
                return "$set", {
                    "$name": f"{self.word()} {self.word()}",
                    "$email": f"{self.unique(6)}@mail.example.test",
                    "plan": random.choice(_PLANS),
                    "visits": random.randrange(1000),
                }


_PROPERTIES: tuple[tuple[str, Callable[[World], Any]], ...] = (
    ("$current_url", World.page),
    ("$referrer", World.page),
    ("$os", lambda world: world.random.choice(_SYSTEMS)),
    ("$browser", lambda world: world.random.choice(_BROWSERS)),
    ("$browser_version", lambda world: world.random.choice((None, 16.5, 120, 9))),
    ("price", lambda world: round(world.random.uniform(0, 500), 2)),
    ("duration", lambda world: world.random.expovariate(0.01)),
    ("quantity", lambda world: world.random.randrange(1, 20)),
    ("tags", lambda world: [world.word() for _ in range(world.random.randrange(4))]),
    ("context", World.nested),
    ("logged in", lambda world: world.random.random() < 0.5),
    ("plan", lambda world: world.random.choice(_PLANS)),
    ("utm campaign & source", World.word),
    ("name", lambda world: f"{world.word()} {world.word()}"),
)
