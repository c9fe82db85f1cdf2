"""Names of processes, and of what they leave."""

from shadow.serving.place import Place, Role


def test_each_life_of_a_proxy_has_a_name_of_its_own() -> None:
    names = [Place(Role.PROXY, 1.0, 3, generation).name for generation in range(3)]
    assert names == ["proxy-3", "proxy-3.1", "proxy-3.2"]


def test_there_is_one_tap_whose_lives_tell_of_themselves_in_one_place() -> None:
    lives = [Place(Role.TAP, 1.0, 0, generation) for generation in range(2)]
    assert [one.told for one in lives] == ["tap", "tap"]
    assert [one.name for one in lives] == ["tap", "tap.1"]


def test_all_lives_of_a_tap_read_on_from_one_position() -> None:
    lives = [Place(Role.TAP, 1234.5, 0, generation) for generation in range(2)]
    assert lives[0].position == lives[1].position != Place(Role.TAP, 1234.6).position


def test_one_process_does_what_several_share() -> None:
    whole, proxy, tap = (Place(role, 1.0) for role in Role)
    assert (whole.proxies, whole.taps) == (True, True)
    assert (proxy.proxies, proxy.taps) == (True, False)
    assert (tap.proxies, tap.taps) == (False, True)
