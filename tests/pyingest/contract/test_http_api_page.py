"""The page on the HTTP interface: its examples are run."""

import re
from pathlib import Path

import pytest

from pyingest.contract.service import answer
from pyingest.contract.settings import ContractSettings
from pyingest.message import Request, header

PAGE = (Path(__file__).parents[3] / "docs" / "http-api.md").read_text()
BLOCKS = re.findall(r"```http\n(.*?)\n```", PAGE, re.DOTALL)
EXAMPLES = list(zip(BLOCKS[::2], BLOCKS[1::2], strict=True))


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("asked", "heard"), EXAMPLES)
def test_an_example_is_answered_as_the_page_says(asked: str, heard: str) -> None:
    head, _, body = asked.partition("\n\n")
    line, *lines = head.split("\n")
    method, target = line.encode().split(b" ")
    headers = tuple(
        (name.encode(), value.encode()) for name, value in (x.split(": ") for x in lines)
    )
    decision = answer(
        Request(method, target, headers, body.encode()), "", 1795232317.0, ContractSettings()
    )
    kind = header(decision.stored.headers, b"content-type") or b""
    said = f"{decision.stored.status} {kind.decode()}\n\n{decision.stored.body.decode()}"
    assert said == heard
