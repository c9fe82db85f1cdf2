"""On which line a key of a policy stands."""

import pytest

from compare.policy.toml_lines import line_of

TEXT = '''# [gate]
name = "x"
[gate]
alpha = 0.05 # [no.table]
text = """
[coverage]
alpha = 1
"""
[[gate.rate]]
target = 0.9
  [[gate.rate]]
  "target" = 0.8
[coverage]
tokens=3
[[veto]]
kinds = [
  "missing",
]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("name", 2),
        ("gate", 3),
        ("gate.alpha", 4),
        ("gate.rate", 9),
        ("gate.rate[1]", 9),
        ("gate.rate[1].target", 10),
        ("gate.rate[2]", 11),
        ("gate.rate[2].target", 12),
        ("coverage", 13),
        ("coverage.tokens", 14),
        ("veto[1].kinds", 16),
    ],
)
def test_a_key_is_found_where_it_stands(path: str, line: int) -> None:
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize(
    ("path", "line"), [("gate.beta", 3), ("gate.rate[2].mode", 11), ("nothing", None), ("", None)]
)
def test_a_key_that_is_not_written_is_looked_for_in_its_table(path: str, line: int | None) -> None:
    assert line_of(TEXT, path) == line
