"""Bytes to answers: what is passed on, what is kept, and when an answer is over."""

import pytest

from shadow.relaying.answerframing import AnswerFramer
from shadow.relaying.raw import RawAnswer

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n2\r\nbc\r\n0\r\nT: 1\r\n\r\n"
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def framer(is_head: bool = False, interim: bool = True, most: int = 1000) -> AnswerFramer:
    one = AnswerFramer(most)
    one.expect(is_head, interim)
    return one


def answer(data: bytes, is_head: bool = False) -> RawAnswer:
    one = framer(is_head)
    assert one.feed(data) == data
    assert one.answer is not None, one.wrong
    return one.answer


@pytest.mark.parametrize("data", [PLAIN, CHUNKED], ids=["length", "chunks"])
@pytest.mark.parametrize("size", [1, 3, 50, 1000])
def test_every_byte_is_passed_on_as_it_came(data: bytes, size: int) -> None:
    one = framer()
    passed = b"".join(one.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert passed == data
    assert one.answer is not None
    assert (one.answer.data, one.answer.kept, one.answer.keeps) == (data, True, True)
    assert one.answer.outcome.response.body == b"abc"


def test_nothing_is_passed_on_before_the_head_is_there() -> None:
    one = framer()
    assert one.feed(PLAIN[:40]) == b""
    assert one.feed(PLAIN[40:]) == PLAIN


def test_a_record_holds_what_came() -> None:
    data = b"HTTP/1.0 418 I'm a teapot\r\nx-B:  1 \r\nX-a:2\r\nContent-Length: 0\r\n\r\n"
    response = answer(data).outcome.response
    assert (response.status, response.reason, response.version) == (418, b"I'm a teapot", b"1.0")
    assert response.headers == ((b"x-B", b"1"), (b"X-a", b"2"), (b"Content-Length", b"0"))


@pytest.mark.parametrize("line", [b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1 200 \xe4\t!"])
def test_a_reason_may_be_missing_or_of_any_text(line: bytes) -> None:
    data = line + b"\r\nContent-Length: 0\r\n\r\n"
    assert answer(data).outcome.response.reason == line[13:]


def test_an_answer_to_head_is_its_head() -> None:
    assert answer(PLAIN[:-3], is_head=True).outcome.response.body == b""


@pytest.mark.parametrize("status", [b"204 No", b"304 Not"])
def test_an_answer_that_never_has_a_body_has_none(status: bytes) -> None:
    answer(b"HTTP/1.1 %b\r\nContent-Length: 7\r\n\r\n" % status)


@pytest.mark.parametrize("size", [1, 1000])
def test_interim_answers_are_passed_on_and_not_kept(size: int) -> None:
    one, data = framer(), CONTINUE + HINTS + PLAIN
    passed = b"".join(one.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert passed == data
    assert one.answer is not None
    assert one.answer.data == PLAIN


def test_a_client_that_was_told_to_go_on_is_not_told_again() -> None:
    one = framer(interim=False)
    assert one.feed(CONTINUE + HINTS + PLAIN) == HINTS + PLAIN


def test_an_answer_without_length_ends_with_its_connection() -> None:
    one = framer()
    data = b"HTTP/1.0 200 OK\r\n\r\nhello"
    assert one.feed(data) == data
    assert one.answer is None
    one.close()
    assert one.answer is not None
    assert (one.answer.data, one.answer.keeps) == (data, False)


def test_an_answer_with_length_does_not_end_with_its_connection() -> None:
    for data in (PLAIN[:-1], CHUNKED[:-1], b"HTTP/1.1 200", CONTINUE):
        one = framer()
        one.feed(data)
        one.close()
        assert one.answer is None


@pytest.mark.parametrize("more", [PLAIN, b"x", b"HTTP/1.1 408"])
def test_what_follows_unasked_is_not_passed_on(more: bytes) -> None:
    one = framer()
    assert one.feed(PLAIN + more) == PLAIN
    assert one.surplus
    assert one.answer is not None


def test_of_a_long_answer_the_beginning_is_kept_and_all_is_passed_on() -> None:
    one = framer(most=100)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    passed = one.feed(head) + b"".join(one.feed(b"y" * 50) for _ in range(100))
    assert passed == head + b"y" * 5000
    assert one.answer is not None
    assert one.overlong
    assert (one.answer.kept, len(one.answer.data)) == (False, 100)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-x\r\n",
        b"\x00\x01\x02",
        b"HTTP/1.1 xyz\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_what_is_no_answer_never_reaches_a_client(garbage: bytes) -> None:
    one = framer()
    assert one.feed(garbage) == b""
    assert one.wrong


def test_chunks_that_break_off_are_wrong() -> None:
    one = framer()
    assert one.feed(CHUNKED[:60]) == CHUNKED[:60]
    one.feed(b"nonsense\r\n")
    assert one.wrong


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_an_answer_whose_end_is_doubtful_ends_its_connections(head: bytes) -> None:
    assert not answer(head + b"1\r\na\r\n0\r\n\r\n").keeps


def test_one_length_said_twice_is_no_doubt() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"
    assert answer(data).keeps
