"""Queue URLs: what may be said in them, and what is said about a wrong one."""

import pytest

from pyingest.queues.interface import QueueError, QueueUrl, parse_queue_url
from pyingest.queues.url_options import READ, TAKEN, UrlOptions


def refused(text: str) -> str:
    with pytest.raises(QueueError) as caught:
        parse_queue_url(text)
    return str(caught.value)


def test_every_engine_has_a_form() -> None:
    assert parse_queue_url("nats://h:4222/S/a,b") == QueueUrl(
        "nats", "h:4222", ("a", "b"), "S", shown="nats://h:4222/S/a,b"
    )
    assert parse_queue_url("kafka://h:1,i:2/a").location == "h:1,i:2"
    assert parse_queue_url("redis://h:6379/a,b").names == ("a", "b")
    assert parse_queue_url("sqlite:/x/q.db?retain=5#a").location == "/x/q.db"
    assert parse_queue_url("memory:").names == ("events",)


def test_options_come_after_a_question_mark() -> None:
    url = parse_queue_url("nats://h:1/S/a?deadline=2&create=1&dedup=60&max_bytes=5&tls=1&ca=/c.pem")
    assert url.options == UrlOptions(
        deadline=2.0, create=True, dedup=60.0, max_bytes=5, tls=True, ca="/c.pem"
    )
    assert parse_queue_url("sqlite:q?deadline=0.5&retain=0#a").options.retain == 0


def test_a_password_is_read_and_never_shown() -> None:
    url = parse_queue_url("redis://me:p%40ss@h:1/a")
    assert (url.user, url.password, url.location) == ("me", "p@ss", "h:1")
    assert url.shown == "redis://me:***@h:1/a"
    assert "p@ss" not in repr(url)
    assert "p%40ss" not in repr(url)
    assert "secret" not in refused("redis://me:secret@h:1/a?nothing=1")
    assert "secret" not in refused("redis://me:secret@h:1/")


def test_a_token_is_never_shown() -> None:
    url = parse_queue_url("nats://token@h:1/S/a")
    assert (url.user, url.shown) == ("token", "nats://***@h:1/S/a")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "amqp://h/q",
            "unknown scheme 'amqp'; use one of memory:, file:, sqlite:",
        ),
        ("kestrel://[::1/events", "Invalid IPv6 URL"),
        ("nats://h:1/events", "as in nats://HOST:PORT/STREAM/events"),
        ("nats:///S/events", "needs a place"),
        ("kafka://h:1/", "as in kafka://HOST:PORT/events"),
        ("redis://h:1/a?replicas=2", "does not know the option 'replicas'; it takes ca, create"),
        ("memory:?deadline=1", "no options at all"),
        ("kestrel://h:1/a?deadline=soon", "option deadline=soon: give a number of seconds above 0"),
        ("kestrel://h:1/a?deadline=0", "give a number of seconds above 0"),
        ("kestrel://h:1/a?deadline=nan", "give a number of seconds above 0"),
        ("nats://h:1/S/a?create=yes", "option create=yes: give 0 or 1"),
        ("sqlite:q?retain=-1#a", "option retain=-1: give a whole number"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    told = refused(text)
    assert words in told
    assert text in told


def test_every_option_belongs_to_a_scheme_and_can_be_read() -> None:
    known = set(UrlOptions.__dataclass_fields__)
    assert known == set(READ)
    assert known == {name for names in TAKEN.values() for name in names}
