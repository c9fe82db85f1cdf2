"""How many clients a proxy takes."""

import pytest

from shadow.relaying.door import places


@pytest.mark.parametrize(
    ("files", "most"),
    [
        (100_000, 20_000),
        (21_088, 20_000),
        (19_900, 18_812),
        (924, 430),
        (10, 1),
    ],
)
def test_each_client_may_have_a_connection_to_the_owner_of_its_request(
    files: int, most: int
) -> None:
    room = places(files, owners=1024, copies=64)
    assert room == most
    assert room == 1 or room + min(room, 1024) + 64 <= files
