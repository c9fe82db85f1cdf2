"""Who may see the page."""

import pytest

from compare.live.access import (
    Access,
    Caller,
    Entry,
    cookie_name,
    is_loopback,
    is_own_name,
)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.8.9.1",
        "[::1]:80",
        "localhost.",
        "[::1]",
    ],
)
def test_names_of_this_machine_are_its_own(host: str) -> None:
    assert is_own_name(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "localhost.example.com:80",
        "127.0.0.1.example.com",
        "10.0.0.1:8080",
        "localhost:80:80",
        "localhost/",
        "[::2]",
        "0.0.0.0",
        "localhost@example.com",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not is_own_name(host)


def test_a_name_that_was_made_to_lead_here_opens_nothing() -> None:
    assert Access().check(Caller(host="evil.example:8080")) is Entry.MISDIRECTED
    assert Access(token="t").check(Caller(host="evil.example", token="t")) is Entry.MISDIRECTED


def test_beyond_loopback_any_name_will_do_with_the_token() -> None:
    access = Access(token="secret", loopback=False)
    assert access.check(Caller(host="live.internal")) is Entry.UNAUTHORIZED
    assert access.check(Caller(host="live.internal", token="secret")) is Entry.GRANTED


@pytest.mark.parametrize(
    "caller",
    [
        Caller(host="localhost", token="secret"),
        Caller(host="localhost", authorization="Bearer secret"),
        Caller(host="localhost", authorization="bearer  secret "),
        Caller(host="localhost", cookie="a=b; mixmigrate_live_80=secret"),
        Caller(host="localhost", cookie="mixmigrate_live_80=secret", token="wrong"),
    ],
)
def test_a_token_opens_however_it_is_shown(caller: Caller) -> None:
    assert Access(token="secret").check(caller) is Entry.GRANTED


@pytest.mark.parametrize(
    "caller",
    [
        Caller(host="localhost"),
        Caller(host="localhost", token="secre"),
        Caller(host="localhost", token="Secret"),
        Caller(host="localhost", token="sécret\udcff"),
        Caller(host="localhost", authorization="Basic secret"),
        Caller(host="localhost", authorization="secret"),
        Caller(host="localhost", cookie="not_mixmigrate_live_80=secret"),
        Caller(host="localhost", cookie="mixmigrate_live_80="),
    ],
)
def test_anything_else_does_not(caller: Caller) -> None:
    assert Access(token="secret").check(caller) is Entry.UNAUTHORIZED


def test_two_pages_of_one_host_keep_their_tokens_apart() -> None:
    cookie = "mixmigrate_live_8080=one; mixmigrate_live_8081=two"
    for port, token in ((8080, "one"), (8081, "two")):
        caller = Caller(host=f"localhost:{port}", cookie=cookie)
        assert Access(token=token).check(caller) is Entry.GRANTED
        assert Access(token="other").check(caller) is Entry.UNAUTHORIZED
    assert cookie_name("[::1]:8080") == "mixmigrate_live_8080"
    assert cookie_name("[::1]") == "mixmigrate_live_80"


def test_another_sites_page_may_link_here_and_nothing_more() -> None:
    access = Access()
    asked = Caller(host="localhost", site="cross-site", mode="no-cors")
    assert access.check(asked) is Entry.FORBIDDEN
    link = Caller(host="localhost", site="cross-site", mode="navigate")
    assert access.check(link) is Entry.GRANTED
    own = Caller(host="localhost", site="same-origin", mode="cors")
    assert access.check(own) is Entry.GRANTED


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.4", False),
        ("live", False),
    ],
)
def test_addresses_of_this_machine_alone_are_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
