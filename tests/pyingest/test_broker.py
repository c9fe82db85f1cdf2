"""The rules of the queues, without a disk or a network."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pyingest.queues.broker import AHEAD_ITEMS, Broker, Cursor, Kept
from pyingest.queues.log import Append, Drop, Forget, Item, Move, Operation, Take, TakeBetween, Trim


class File:
    """What would be on disk: carries operations out at once."""

    def __init__(self) -> None:
        self.items: list[tuple[str, int, bytes]] = []
        self.cursors: dict[tuple[str, str], int] = {}
        self.taken: set[tuple[str, str, int]] = set()
        self.last = 0

    def write(self, operations: list[Operation]) -> None:
        for operation in operations:
            match operation:
                case Append(queue, body, off):
                    assert off is not None
                    assert off > self.last
                    self.last = off
                    self.items.append((queue, off, body))
                case Move(name, queue, off):
                    self.cursors[name, queue] = off
                case Take(name, queue, off):
                    self.taken.add((name, queue, off))
                case TakeBetween(name, queue, after, until):
                    between = [
                        off for q, off, _ in self.items if q == queue and after < off < until
                    ]
                    self.taken |= {(name, queue, off) for off in between}
                case Forget(name, queue, off):
                    self.taken = {t for t in self.taken if t[:2] != (name, queue) or t[2] > off}
                case Drop(name, queue):
                    del self.cursors[name, queue]
                case Trim(queue, off):
                    self.items = [i for i in self.items if i[0] != queue or i[1] > off]

    def kept(self) -> Kept:
        ends: dict[str, tuple[int, int]] = {}
        for queue, off, _ in self.items:
            ends[queue] = (ends.get(queue, (off, off))[0], off)
        return Kept(ends, dict(self.cursors), sorted(self.taken), self.last)

    def after(self, queue: str, off: int) -> list[Item]:
        return [(o, body) for name, o, body in self.items if name == queue and o > off][
            :AHEAD_ITEMS
        ]


class House:
    """A broker on a file, with commits that succeed at once."""

    def __init__(self, max_items: int | None = None) -> None:
        self.file = File()
        self.max_items = max_items
        self.broker = Broker(self.file.kept(), max_items)

    def restart(self) -> None:
        self.broker = Broker(self.file.kept(), self.max_items)

    def put(self, body: bytes, queue: str = "q") -> bool:
        append = self.broker.append(queue, body)
        if append is None:
            return False
        self.file.write([append])
        self.broker.appended(append, True)
        return True

    def cursor(self, name: str = "q") -> Cursor:
        cursor, operations = self.broker.cursor(name)
        self.file.write(operations)
        return cursor

    def take(self, name: str = "q") -> Item | None:
        cursor = self.cursor(name)
        while cursor.behind is not None:
            cursor.refill(self.file.after(cursor.log.name, cursor.behind))
        return cursor.take()

    def confirm(self, offset: int, name: str = "q") -> None:
        cursor = self.cursor(name)
        self.file.write(cursor.confirm([offset]))
        cursor.settle([offset])

    def get(self, name: str = "q") -> bytes | None:
        item = self.take(name)
        if item is None:
            return None
        self.confirm(item[0], name)
        return item[1]

    def rest(self, name: str = "q") -> list[bytes]:
        found = []
        while (body := self.get(name)) is not None:
            found.append(body)
        return found


def test_messages_come_in_order_and_once() -> None:
    house = House()
    for n in range(5):
        house.put(b"%d" % n)
    assert house.rest() == [b"0", b"1", b"2", b"3", b"4"]
    assert house.get() is None


def test_a_message_put_back_comes_before_younger_ones() -> None:
    house = House()
    house.put(b"old")
    house.put(b"new")
    item = house.take()
    assert item is not None
    house.cursor().put_back(item[0])
    assert house.cursor().items == 2
    assert house.rest() == [b"old", b"new"]


def test_a_child_sees_later_writes_only_and_takes_nothing_from_its_parent() -> None:
    house = House()
    house.put(b"before")
    house.cursor("q+tap")
    house.put(b"after")
    assert house.rest("q+tap") == [b"after"]
    assert house.rest("q") == [b"before", b"after"]


def test_a_write_costs_one_row_however_many_children_there_are() -> None:
    house = House()
    for n in range(10):
        house.cursor(f"q+{n}")
    house.put(b"x")
    assert len(house.file.items) == 1
    assert [house.get(f"q+{n}") for n in range(10)] == [b"x"] * 10


def test_open_messages_come_back_after_a_restart_and_consumed_ones_do_not() -> None:
    house = House()
    for n in range(4):
        house.put(b"%d" % n)
    assert house.take() == (1, b"0")
    assert house.get() == b"1"
    assert house.get() == b"2"
    house.restart()
    assert house.rest() == [b"0", b"3"]
    assert house.file.taken == set()


def test_confirmations_that_overlap_leave_no_notes_behind() -> None:
    house = House()
    for n in range(3):
        house.put(b"%d" % n)
    cursor = house.cursor()
    first, second = house.take(), house.take()
    assert first is not None
    assert second is not None
    operations = [*cursor.confirm([first[0]]), *cursor.confirm([second[0]])]
    assert operations == [Move("", "q", 1), Move("", "q", 2)]


def test_a_confirmation_that_failed_is_taken_back_by_a_mark() -> None:
    house = House()
    house.put(b"0")
    house.put(b"1")
    cursor = house.cursor()
    first, second = house.take(), house.take()
    assert first is not None
    assert second is not None
    cursor.confirm([first[0]])
    house.file.write(cursor.confirm([second[0]]))
    cursor.put_back(first[0])
    house.file.write(cursor.mark())
    house.restart()
    assert house.get() == b"0"


def test_a_full_queue_turns_writes_away_until_one_is_taken() -> None:
    house = House(max_items=2)
    house.cursor("q+tap")
    assert [house.put(b"1"), house.put(b"2"), house.put(b"3")] == [True, True, False]
    house.rest("q+tap")
    assert not house.put(b"3")
    house.get()
    assert house.put(b"3")


def test_messages_under_way_count_for_the_bound() -> None:
    broker = Broker(Kept(), max_items=1)
    append = broker.append("q", b"1")
    assert append is not None
    assert broker.append("q", b"2") is None
    broker.appended(append, False)
    assert broker.append("q", b"2") is not None


def test_a_long_queue_is_not_kept_in_memory() -> None:
    house = House()
    for n in range(3 * AHEAD_ITEMS):
        house.put(b"%d" % n)
    assert house.cursor().in_memory[0] == AHEAD_ITEMS
    assert house.rest() == [b"%d" % n for n in range(3 * AHEAD_ITEMS)]


def test_what_every_cursor_has_passed_is_trimmed() -> None:
    house = House()
    house.cursor("q+tap")
    for n in range(10):
        house.put(b"%d" % n)
    house.rest()
    house.get("q+tap")
    for _ in range(3):
        house.file.write(house.broker.logs["q"].trim())
    assert [off for _, off, _ in house.file.items] == list(range(2, 11))
    house.restart()
    assert house.rest() == []
    assert len(house.rest("q+tap")) == 9


def test_an_offset_is_never_given_out_twice() -> None:
    house = House()
    house.put(b"0")
    house.rest()
    house.file.write(house.broker.logs["q"].trim())
    assert house.file.items == []
    house.restart()
    house.put(b"1")
    assert house.rest() == [b"1"]


def test_deleting_a_child_forgets_it_and_a_new_one_starts_at_the_end() -> None:
    house = House()
    house.cursor("q+tap")
    house.put(b"0")
    open_item = house.take("q+tap")
    old = house.cursor("q+tap")
    house.file.write(house.broker.delete("q+tap"))
    assert ("tap", "q") not in house.file.cursors
    assert open_item is not None
    assert old.confirm([open_item[0]]) == []
    assert house.rest("q+tap") == []


def test_deleting_a_queue_leaves_its_children_their_messages() -> None:
    house = House()
    house.cursor("q+tap")
    house.put(b"0")
    house.file.write(house.broker.delete("q"))
    assert [cursor.name for cursor in house.broker.cursors()] == ["q+tap"]
    assert house.rest("q") == []
    assert house.rest("q+tap") == [b"0"]


STEPS = st.lists(
    st.sampled_from(
        ["put", "get", "open", "close", "abort", "restart", "trim", "get tap", "flush"]
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=300)
@given(STEPS)
def test_any_order_of_events_loses_and_repeats_nothing(steps: list[str]) -> None:
    """Against a model: a sorted list of what waits, and a list of what is open."""
    house = House()
    house.cursor("q+tap")
    waiting: list[bytes] = []
    opened: list[Item] = []
    tap: list[bytes] = []
    for number, step in enumerate(steps):
        match step:
            case "put":
                house.put(b"%03d" % number)
                waiting.append(b"%03d" % number)
                tap.append(b"%03d" % number)
            case "get":
                assert house.get() == (waiting.pop(0) if waiting else None)
            case "open":
                item = house.take()
                assert (item[1] if item else None) == (waiting.pop(0) if waiting else None)
                opened += [item] if item else []
            case "close" if opened:
                house.confirm(opened.pop(0)[0])
            case "abort" if opened:
                offset, body = opened.pop(0)
                house.cursor().put_back(offset)
                waiting = sorted([*waiting, body])
            case "restart":
                house.restart()
                waiting = sorted([*waiting, *(body for _, body in opened)])
                opened = []
            case "trim":
                for log in house.broker.logs.values():
                    house.file.write(log.trim())
            case "get tap":
                assert house.get("q+tap") == (tap.pop(0) if tap else None)
            case "flush":
                house.file.write(house.cursor().flush())
                waiting = []
    assert house.rest() == waiting
    assert house.rest("q+tap") == tap
