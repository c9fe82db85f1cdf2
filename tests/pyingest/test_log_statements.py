"""Operations to SQL: the same rows in the same order, however many share a statement."""

import sqlite3

import pytest

from pyingest.queues.log import SCHEMA, WIDE, Append, Move, Operation, statements


def written(operations: list[Operation]) -> tuple[list[tuple[int, str, bytes]], int]:
    """Return the messages that *operations* leave in a new file, and how often it was asked."""
    connection = sqlite3.connect(":memory:")
    for sql in SCHEMA:
        connection.execute(sql)
    asked = 0
    for sql, rows in statements(operations):
        connection.executemany(sql, rows)
        asked += len(rows)
    found = connection.execute("SELECT off, queue, body FROM item ORDER BY off").fetchall()
    connection.close()
    return found, asked


@pytest.mark.parametrize("count", [0, 1, WIDE - 1, WIDE, WIDE + 1, 3 * WIDE + 2])
def test_messages_keep_their_order_and_get_offsets_without_gaps(count: int) -> None:
    operations: list[Operation] = [Append(f"q{i % 3}", b"%d" % i) for i in range(count)]
    found, asked = written(operations)
    assert found == [(i + 1, f"q{i % 3}", b"%d" % i) for i in range(count)]
    assert asked == count // WIDE + count % WIDE


def test_what_stands_between_messages_stays_between_them() -> None:
    some: list[Operation] = [Append("q", b"%d" % i, 10 + i) for i in range(WIDE + 1)]
    sql = [text.split("(")[0] for text, _ in statements([*some, Move("c", "q", 10), *some])]
    insert = "INSERT INTO item"
    assert sql == [insert, insert, "INSERT OR REPLACE INTO cursor", insert, insert]
    assert written(some)[0] == [(10 + i, "q", b"%d" % i) for i in range(WIDE + 1)]
