"""What tells which client libraries could have sent a request."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from pyingest.message import Request, header

PATHS = ("track", "engage", "groups", "import")
AGENTS = (
    ("python-requests", "python"),
    ("ruby", "ruby"),
    ("go-http-client", "go"),
    ("java/", "java"),
    ("mozilla/", "browser"),
    ("dalvik/", "android"),
)
"""Starts of a User-Agent that name a client; Apple's names its network library in the middle."""
UNKNOWN = "unknown"
SILENT = ("node", "php")
"""Clients that send no User-Agent at all."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The traits of a request by which clients differ."""

    method: str
    path: str
    """The endpoint: the last part of the path, without its slash; empty for none of ours."""
    slash: bool
    query: frozenset[str]
    form: frozenset[str]
    form_type: bool
    json_type: bool
    gzip: bool
    query_verbose: bool
    form_verbose: bool
    strict: bool
    plain_json: bool
    """The form's data is JSON as it is, not base64."""
    agent: str

    def by(self, language: str) -> bool:
        """Return whether the User-Agent allows for *language*: it is silent, unknown or it."""
        unknown = self.agent == UNKNOWN and language not in SILENT
        return self.path != "" and (self.agent in ("", language) or unknown)

    def form_post(self, language: str, *, slash: bool) -> bool:
        """Return whether it is a form sent by POST to a path with or without a slash."""
        posted = self.method == "POST" and self.form_type and self.slash == slash
        return posted and self.by(language)

    def json_post(self, language: str, *, slash: bool) -> bool:
        """Return whether it is JSON sent by POST to a path with or without a slash."""
        posted = self.method == "POST" and self.json_type and self.slash == slash
        return posted and self.by(language)

    @property
    def verbose(self) -> bool:
        """Whether a JSON answer was asked for, in the query or in the form."""
        return self.query_verbose or self.form_verbose

    @property
    def java(self) -> bool:
        """Java names ``ip`` in the query and never asks for a verbose answer."""
        told = "ip" in self.query and "verbose" not in self.query | self.form
        return told and self.form_post("java", slash=False)

    @property
    def java_import(self) -> bool:
        """Java's import wants a strict answer, but not a verbose one."""
        wanted = self.path == "import" and self.strict and not self.verbose
        return wanted and self.json_post("java", slash=False)

    @property
    def node(self) -> bool:
        """Node names ``verbose`` in every query, on or off; single events go by GET."""
        single = self.method == "GET" and "data" in self.query and not self.slash
        sent = (single and self.by("node")) or self.form_post("node", slash=False)
        return sent and "verbose" in self.query

    @property
    def python(self) -> bool:
        """Python puts plain JSON and ``verbose=1`` into the form."""
        return self.form_verbose and self.plain_json and self.form_post("python", slash=False)

    @property
    def ruby(self) -> bool:
        """Ruby puts base64 and ``verbose=1`` into the form."""
        return self.form_verbose and not self.plain_json and self.form_post("ruby", slash=False)

    @property
    def php(self) -> bool:
        """PHP sends nothing but ``data``."""
        alone = not self.query and self.form == {"data"} and not self.plain_json
        return alone and self.form_post("php", slash=False)

    @property
    def go_track(self) -> bool:
        """Go's events are JSON with ``verbose=1`` in the query."""
        return self.path == "track" and self.query_verbose and self.json_post("go", slash=False)

    @property
    def go_people(self) -> bool:
        """Go's profiles are JSON without a query; its aliases and merges a form of plain JSON."""
        profile = self.path in ("engage", "groups") and self.json_post("go", slash=False)
        alias = self.plain_json and self.form_post("go", slash=False)
        return (profile or alias) and not self.verbose

    @property
    def go_import(self) -> bool:
        """Go's import names ``strict``, on or off, and is verbose."""
        wanted = self.path == "import" and "strict" in self.query and self.query_verbose
        return wanted and self.json_post("go", slash=False)

    @property
    def browser(self) -> bool:
        """The browser's own request, queued or not; its beacons never see an answer."""
        got = self.method == "GET" and "data" in self.query and self.slash and self.by("browser")
        shown = self.query.isdisjoint({"callback", "img"})
        return shown and "_" in self.query and (got or self.form_post("browser", slash=True))

    @property
    def browser_single(self) -> bool:
        """Without its queue the browser does not ask for a verbose answer."""
        return self.browser and not self.verbose

    @property
    def android(self) -> bool:
        """Android names ``ip`` in the query; only debug builds ask for a verbose answer."""
        told = "ip" in self.query and "_" not in self.query and not self.query_verbose
        return told and self.form_post("android", slash=True)

    @property
    def android_2012(self) -> bool:
        """The old Android sends the same, but never compressed nor verbose."""
        return self.android and not self.gzip and not self.verbose

    @property
    def iphone_2012(self) -> bool:
        """The old iPhone puts ``ip`` into the form."""
        return not self.query and "ip" in self.form and self.form_post("ios", slash=True)

    @property
    def ios(self) -> bool:
        """Objective-C 5 and Swift send JSON and name ``ip`` in the query."""
        return "ip" in self.query and self.json_post("ios", slash=True)


def shape(request: Request) -> Shape:
    """Return the traits of *request*; what cannot be read counts as absent."""
    path, query = split(request.target)
    kind = text(request, b"content-type").partition(";")[0].strip()
    gzip = "gzip" in text(request, b"content-encoding")
    is_form = kind == "application/x-www-form-urlencoded"
    form = fields(request.body.decode("latin-1")) if is_form and not gzip else {}
    return Shape(
        request.method.decode("latin-1"),
        endpoint(path),
        path.endswith("/"),
        frozenset(query),
        frozenset(form),
        is_form,
        kind == "application/json",
        gzip,
        on(query, "verbose"),
        on(form, "verbose"),
        on(query, "strict"),
        form.get("data", "").lstrip().startswith(("{", "[")),
        agent(text(request, b"user-agent")),
    )


def split(target: bytes) -> tuple[str, dict[str, str]]:
    """Return path and query of a target; an unreadable one has neither."""
    try:
        parts = urlsplit(target.decode("latin-1"))
    except ValueError:
        return "", {}
    return parts.path, fields(parts.query)


def endpoint(path: str) -> str:
    """Return the last part of a path when it names an endpoint, else nothing."""
    last = path.removesuffix("/").rpartition("/")[2]
    return last if last in PATHS else ""


def fields(encoded: str) -> dict[str, str]:
    """Return the first value of each field of a query or form."""
    found = parse_qs(encoded, keep_blank_values=True, encoding="latin-1")
    return {key: values[0] for key, values in found.items()}


def on(values: dict[str, str], flag: str) -> bool:
    """Return whether *flag* is set to something other than off."""
    return values.get(flag, "") not in ("", "0")


def text(request: Request, name: bytes) -> str:
    """Return a header's value in lower case; empty when it is missing."""
    return (header(request.headers, name) or b"").decode("latin-1").lower()


def agent(value: str) -> str:
    """Return the language that a User-Agent in lower case gives away; nothing without one."""
    if "cfnetwork/" in value:
        return "ios"
    return next(
        (language for start, language in AGENTS if value.startswith(start)),
        UNKNOWN if value else "",
    )
