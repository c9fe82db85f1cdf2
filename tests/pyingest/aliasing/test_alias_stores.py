"""Every store of aliases keeps the same rules; the memory one is held against a plain model."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.aliasing.cache import CachedAliases
from pyingest.aliasing.memory import MemoryAliases
from pyingest.aliasing.sqlite import AT_ONCE, MOST_CHANGES, SqliteAliases
from pyingest.aliasing.store import Alias, AliasError, AliasStore, Learned

MAKERS: dict[str, Callable[[Path], AliasStore]] = {
    "memory": lambda path: MemoryAliases(),
    "sqlite": SqliteAliases,
    "cached": lambda path: CachedAliases(SqliteAliases(path), size=3),
}


@pytest.fixture(params=MAKERS, ids=str)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AliasStore]:
    made = MAKERS[request.param](tmp_path / "aliases.db")
    yield made
    made.close()


def told(store: AliasStore, *pairs: str) -> list[Learned]:
    """Tell aliases such as ``a>b`` (a stands for b) or ``a=b`` (a merges with b)."""
    aliases = [Alias("t", pair[0], pair[2], merges=pair[1] == "=") for pair in pairs]
    return store.learn(aliases)


def person(store: AliasStore, name: str, token: str = "t") -> str:
    (target,) = store.find([(token, name)])
    return target or name


def test_an_id_that_nobody_told_of_stands_for_itself(store: AliasStore) -> None:
    assert store.find([("t", "a"), ("t", "b")]) == [None, None]
    assert store.find([]) == []


def test_an_alias_stands_for_its_target_in_its_own_project(store: AliasStore) -> None:
    assert told(store, "a>b") == [Learned.NEW]
    assert store.find([("t", "a"), ("t", "b"), ("u", "a")]) == ["b", None, None]


def test_a_chain_is_resolved_to_its_end_in_whatever_order_it_comes(store: AliasStore) -> None:
    told(store, "a>b", "b>c", "y>z", "x>y")
    assert [person(store, name) for name in "abcxyz"] == ["c", "c", "c", "z", "z", "z"]


def test_the_first_alias_wins(store: AliasStore) -> None:
    assert told(store, "a>b", "a>c") == [Learned.NEW, Learned.TAKEN]
    assert person(store, "a") == "b"


def test_a_repeat_is_known_already(store: AliasStore) -> None:
    assert told(store, "a>b", "a>b", "b>c", "a>c", "c>c") == [
        Learned.NEW,
        Learned.KNOWN,
        Learned.NEW,
        Learned.KNOWN,
        Learned.KNOWN,
    ]


def test_cycles_are_refused(store: AliasStore) -> None:
    told(store, "a>b", "b>c")
    assert told(store, "b>a", "c>a", "c>b") == [Learned.KNOWN, Learned.CYCLE, Learned.CYCLE]
    assert [person(store, name) for name in "abc"] == ["c", "c", "c"]


def test_a_merge_joins_persons_that_have_aliases_already(store: AliasStore) -> None:
    told(store, "a>b", "x>y")
    assert told(store, "a=x") == [Learned.NEW]
    assert [person(store, name) for name in "abxy"] == ["y", "y", "y", "y"]
    assert told(store, "y=b") == [Learned.KNOWN]


def test_changes_are_told_once_with_the_present_person(store: AliasStore) -> None:
    mark = store.changes(0).mark
    told(store, "a>b", "b>c")
    changes = store.changes(mark)
    assert dict(changes.found) == {("t", "a"): "c", ("t", "b"): "c"}
    assert store.changes(changes.mark).found in ([], ())
    told(store, "a>x")
    assert list(store.changes(changes.mark).found) == []


def test_more_ids_than_fit_in_a_statement_are_found(store: AliasStore) -> None:
    count = 2 * AT_ONCE + 3
    store.learn([Alias("t", f"a{n}", f"b{n}") for n in range(0, count, 2)])
    found = store.find([("t", f"a{n}") for n in range(count)] * 2)
    assert found == [None if n % 2 else f"b{n}" for n in range(count)] * 2


TOLD = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.sampled_from(">>>="), st.sampled_from("abcdefg")),
    max_size=25,
)


def flat(stands: dict[str, str], name: str) -> str:
    while name in stands:
        name = stands[name]
    return name


def modelled(words: list[tuple[str, str, str]]) -> dict[str, str]:
    """Return whom each id stands for, by following links one by one."""
    links: dict[str, str] = {}
    for alias, how, target in words:
        one, other = flat(links, alias), flat(links, target)
        if one != other and (alias not in links or how == "="):
            links[one] = other
    return {name: flat(links, name) for name in "abcdefg"}


@settings(max_examples=150)
@given(TOLD)
def test_a_store_stays_flat_and_agrees_with_following_links(
    words: list[tuple[str, str, str]],
) -> None:
    store = MemoryAliases()
    for word in words:
        told(store, "".join(word))
        targets = store.find([("t", name) for name in "abcdefg"])
        ends = [target for target in targets if target is not None]
        assert store.find([("t", end) for end in ends]) == [None] * len(ends)
    assert {name: person(store, name) for name in "abcdefg"} == modelled(words)


@settings(max_examples=25, deadline=None)
@given(TOLD, TOLD)
def test_sqlite_and_the_cache_agree_with_memory(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[str, str, str]],
    later: list[tuple[str, str, str]],
) -> None:
    path = tmp_path_factory.mktemp("aliases") / "a.db"
    memory, mine, others = MemoryAliases(), SqliteAliases(path), SqliteAliases(path)
    cached = CachedAliases(others, size=4, fresh=0)
    names = [("t", name) for name in "abcdefg"]
    for words in (first, later):
        expected = [told(memory, "".join(word)) for word in words]
        assert [told(mine, "".join(word)) for word in words] == expected
        assert mine.find(names) == memory.find(names)
        assert cached.find(names) == memory.find(names)
    assert len(cached) <= 4
    mine.close()
    cached.close()


def test_what_another_process_learned_is_seen_by_the_next_look_up(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    cached = CachedAliases(SqliteAliases(path), fresh=0)
    assert cached.find([("t", "a")]) == [None]
    program = (
        "import sys; from pathlib import Path;"
        "from pyingest.aliasing.sqlite import SqliteAliases;"
        "from pyingest.aliasing.store import Alias;"
        "SqliteAliases(Path(sys.argv[1])).learn([Alias('t', 'a', 'b')])"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(path)], check=True)
    assert cached.find([("t", "a")]) == ["b"]
    cached.close()


def test_workers_that_start_at_the_same_time_share_one_file(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from pyingest.aliasing.sqlite import SqliteAliases;"
        "from pyingest.aliasing.store import Alias;"
        "s = SqliteAliases(Path(sys.argv[1]));"
        "[s.learn([Alias('t', f'{sys.argv[2]}-{n}', 'b')]) for n in range(20)]; s.close()"
    )
    path = tmp_path / "a.db"
    workers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), str(number)])
        for number in range(4)
    ]
    assert [worker.wait(timeout=30) for worker in workers] == [0] * 4
    store = SqliteAliases(path)
    identities = [("t", f"{number}-{n}") for number in range(4) for n in range(20)]
    assert store.find(identities) == ["b"] * 80
    store.close()


def test_within_the_time_that_is_called_fresh_the_file_is_not_asked(tmp_path: Path) -> None:
    now = 0.0
    mine = SqliteAliases(tmp_path / "a.db")
    cached = CachedAliases(SqliteAliases(tmp_path / "a.db"), fresh=0.5, clock=lambda: now)
    cached.find([("t", "a")])
    told(mine, "a>b")
    assert cached.find([("t", "a")]) == [None]
    now = 0.5
    assert cached.find([("t", "a")]) == ["b"]
    mine.close()
    cached.close()


def test_the_cache_remembers_what_is_no_alias_and_forgets_the_oldest() -> None:
    cached = CachedAliases(MemoryAliases(), size=2)
    for name in "abab":
        assert cached.find([("t", name)]) == [None]
    assert (cached.hits, cached.misses) == (2, 2)
    cached.find([("t", "a")])
    cached.find([("t", "c")])
    cached.find([("t", "a")])
    assert (cached.hits, cached.misses, len(cached)) == (4, 3, 2)
    cached.find([("t", "b")])
    assert cached.misses == 4


def test_after_too_many_changes_the_cache_starts_anew(tmp_path: Path) -> None:
    mine = SqliteAliases(tmp_path / "a.db")
    cached = CachedAliases(SqliteAliases(tmp_path / "a.db"), fresh=0)
    assert cached.find([("t", "a")]) == [None]
    mine.learn([Alias("t", f"x{n}", "y") for n in range(MOST_CHANGES + 1)] + [Alias("t", "a", "b")])
    assert cached.find([("t", "a")]) == ["b"]
    assert len(cached) == 1
    mine.close()
    cached.close()


def test_a_look_up_walks_the_key_and_nothing_else(tmp_path: Path) -> None:
    store = SqliteAliases(tmp_path / "a.db")
    with sqlite3.connect(tmp_path / "a.db") as connection:
        rows = connection.execute(
            "EXPLAIN QUERY PLAN SELECT alias, target FROM aliases WHERE token = ? AND alias IN (?)",
            ("t", "a"),
        ).fetchall()
    connection.close()
    assert [row[3] for row in rows] == ["SEARCH aliases USING PRIMARY KEY (token=? AND alias=?)"]
    store.close()


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("not a database, and long enough to be looked at" * 20)
    with pytest.raises(AliasError, match=r"cannot open .*a\.db.*it must be an SQLite file"):
        SqliteAliases(path)


def test_while_another_process_writes_learning_fails_and_reading_does_not(tmp_path: Path) -> None:
    store = SqliteAliases(tmp_path / "a.db")
    told(store, "a>b")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AliasError, match="locked"):
        told(store, "c>d")
    assert person(store, "a") == "b"
    other.rollback()
    other.close()
    assert told(store, "c>d") == [Learned.NEW]
    store.close()
