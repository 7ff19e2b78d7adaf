from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.distribution.announce import Announce
from marketplace.distribution.swarm import LIFETIME, PEERS_PER_MEMBER, Swarms, SwarmSize, View
from marketplace.distribution.swarm_changes import Change, pack, unpack

SWARM = bytes(range(20))
FOUR, SIX = b"\xc6\x33\x64\x01", bytes(range(16))


def _announce(name: str, *, left: int = 0, port: int = 7000, **fields: Any) -> Announce:
    return Announce(SWARM, name.encode().ljust(20, b"-"), port, left, **fields)


def _fill(swarms: Swarms, seeds: int, leechers: int) -> None:
    for number in range(seeds + leechers):
        host = b"\x0a" + number.to_bytes(3, "big")
        told = _announce(f"peer {number}", left=int(number >= seeds))
        swarms.heard(SWARM, f"member {number}", told, host, 0.0)


def _names(view: View) -> set[str]:
    return {peer.peer_id.decode().rstrip("-") for peer in view.peers}


def test_two_devices_of_a_user_are_one_member() -> None:
    swarms = Swarms()
    swarms.heard(SWARM, "ada", _announce("desk", port=7001), FOUR, 0.0)

    view = swarms.heard(SWARM, "ada", _announce("lap", left=5, port=7002), FOUR, 0.0)

    assert (view.peers, view.size) == ((), SwarmSize(1, 0))


def test_started_at_a_known_address_takes_the_place_of_the_peer_there() -> None:
    swarms = Swarms()
    for number in range(20):
        told = _announce(f"start {number}", left=5, event="started")
        swarms.heard(SWARM, "ada", told, FOUR, float(number))

    view = swarms.heard(SWARM, "eve", _announce("eve", left=5, port=7001), FOUR, 20.0)

    assert _names(view) == {"start 19"}


def test_crashes_on_ever_new_ports_lock_nobody_out() -> None:
    swarms = Swarms()
    for number in range(20):
        told = _announce(f"start {number}", left=5, port=7000 + number, event="started")
        swarms.heard(SWARM, "ada", told, FOUR, float(number))

    view = swarms.heard(SWARM, "eve", _announce("eve", left=5), FOUR, 20.0)

    assert _names(view) == {"start 17", "start 18", "start 19"}


def test_the_peer_that_was_heard_least_lately_makes_room() -> None:
    swarms = Swarms()
    for at, name in enumerate(["a", "b", "c", "a", "d"]):
        told = _announce(name, left=5, port=7000 + ord(name))
        swarms.heard(SWARM, "ada", told, FOUR, float(at))

    view = swarms.heard(SWARM, "eve", _announce("eve", left=5), FOUR, 9.0)

    assert _names(view) == {"a", "c", "d"}


def test_a_peer_that_moves_is_given_out_at_its_new_place_alone() -> None:
    swarms = Swarms()
    for port in (7001, 7002, 7001, 7003):
        swarms.heard(SWARM, "ada", _announce("ada", port=port), FOUR, 0.0)

    view = swarms.heard(SWARM, "eve", _announce("eve", left=5), FOUR, 0.0)

    assert [peer.port for peer in view.peers] == [7003]


def test_both_addresses_of_a_peer_become_a_seeds() -> None:
    swarms = Swarms()
    swarms.heard(SWARM, "ada", _announce("ada", left=5), FOUR, 0.0)
    swarms.heard(SWARM, "ada", _announce("ada", left=5), SIX, 0.0)
    before = swarms.heard(SWARM, "bob", _announce("bob", left=5), FOUR, 0.0)

    swarms.heard(SWARM, "ada", _announce("ada", event="completed"), FOUR, 1.0)
    seed = swarms.heard(SWARM, "eve", _announce("eve"), FOUR, 1.0)
    after = swarms.heard(SWARM, "bob", _announce("bob", left=5), FOUR, 1.0)

    assert {peer.host for peer in before.peers} == {FOUR, SIX}
    assert _names(seed) == {"bob"}
    assert {peer.host for peer in after.peers if peer.peer_id.startswith(b"ada")} == {FOUR, SIX}
    assert after.size == SwarmSize(2, 1, 1)


def test_completed_counts_once_and_only_for_who_was_seen_to_fetch() -> None:
    swarms = Swarms()
    swarms.heard(SWARM, "bob", _announce("bob", event="completed"), FOUR, 0.0)
    swarms.heard(SWARM, "ada", _announce("ada", left=5), FOUR, 0.0)
    for at in range(3):
        swarms.heard(SWARM, "ada", _announce("ada", event="completed"), FOUR, float(at))

    assert swarms.size(SWARM) == SwarmSize(2, 0, 1)


def test_a_lone_seed_is_found_in_any_crowd() -> None:
    swarms = Swarms()
    _fill(swarms, 1, 500)

    views = [
        swarms.heard(SWARM, "eve", _announce("eve", left=5, numwant=30), FOUR, 1.0)
        for _ in range(20)
    ]

    assert all("peer 0" in _names(view) for view in views)
    assert {len(view.peers) for view in views} == {30}


@pytest.mark.parametrize(("seeds", "leechers"), [(0, 80), (80, 0), (3, 80), (80, 3), (40, 40)])
def test_an_answer_is_full_where_there_are_enough(seeds: int, leechers: int) -> None:
    swarms = Swarms()
    _fill(swarms, seeds, leechers)

    view = swarms.heard(SWARM, "eve", _announce("eve", left=5, numwant=50), FOUR, 1.0)

    assert len(_names(view)) == 50


def test_everyone_is_given_out_about_as_often() -> None:
    swarms = Swarms()
    _fill(swarms, 0, 100)
    told: Counter[str] = Counter()
    for _ in range(1000):
        told.update(
            _names(swarms.heard(SWARM, "eve", _announce("eve", left=5, numwant=10), FOUR, 1.0))
        )

    # 100 times each on average; 6 standard deviations are 57.
    assert len(told) == 100
    assert min(told.values()) > 43
    assert max(told.values()) < 157


def test_who_is_silent_is_gone_also_where_nobody_announces_any_more() -> None:
    swarms = Swarms()
    _fill(swarms, 3, 0)

    swarms.heard(b"y" * 20, "eve", _announce("eve"), FOUR, LIFETIME - 1)
    before = swarms.size(SWARM)
    swarms.heard(b"y" * 20, "eve", _announce("eve"), FOUR, LIFETIME)

    assert (before, swarms.size(SWARM)) == (SwarmSize(3, 0), SwarmSize())
    assert len(swarms) == 1


def test_threads_leave_the_store_whole() -> None:
    swarms, failures = Swarms(), []

    def rush(worker: int) -> None:
        try:
            for turn in range(600):
                name = f"{worker}-{turn % 7}"
                told = _announce(
                    name,
                    left=turn % 2,
                    port=7000 + turn % 5,
                    event=("stopped" if turn % 11 == 0 else ""),
                )
                swarms.heard(
                    SWARM, f"member {turn % 13}", told, FOUR if turn % 3 else SIX, float(turn)
                )
                swarms.size(SWARM)
        except Exception as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=rush, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    _check(swarms)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # member
            st.integers(0, 4),  # peer id
            st.integers(0, 3),  # port
            st.booleans(),  # seed
            st.sampled_from(["", "started", "stopped", "completed"]),
            st.sampled_from([FOUR, SIX]),
            st.integers(0, 500),  # seconds since the last
        ),
        max_size=60,
    )
)
def test_any_order_of_announces_leaves_the_store_whole(steps: list[tuple[Any, ...]]) -> None:
    swarms, now = Swarms(), 0.0
    for member, peer, port, seed, event, host, pause in steps:
        now += pause
        told = _announce(f"p{peer}", left=int(not seed), port=7000 + port, event=event, numwant=4)
        place = host[:-1] + bytes([member])
        view = swarms.heard(SWARM, f"m{member}", told, place, now)
        _check(swarms)
        assert len(view.peers) <= 4
        assert len({(p.host, p.port, p.peer_id) for p in view.peers}) == len(view.peers)


def _check(swarms: Swarms) -> None:
    """What must hold at any time: members, rows and the order of the peers agree."""
    swarm = swarms._swarms.get(SWARM)
    if swarm is None:
        assert len(swarms) == 0
        return
    own = [peer for peers in swarm.members.values() for peer in peers]
    assert sorted(map(id, own)) == sorted(map(id, swarms._peers.values()))
    assert all(0 < len(peers) <= PEERS_PER_MEMBER for peers in swarm.members.values())
    assert swarm.seeds == sum(any(p.seed for p in peers) for peers in swarm.members.values())
    standing: Counter[int] = Counter()
    for (seed, family), row in swarm.rows.items():
        assert len(row.packed) == len(row) * (family + 2)
        for place, peer in enumerate(row.peers):
            assert (peer.seed, peer.place(family)) == (seed, place)
            standing[id(peer)] += 1
    assert standing == {id(p): (p.four >= 0) + (p.six >= 0) for p in own}
    assert all(standing[id(peer)] for peer in own)


@given(
    st.lists(
        st.builds(
            Change,
            st.binary(min_size=20, max_size=20),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
            st.binary(min_size=20, max_size=20),
            st.floats(0, 4e9),
            st.sampled_from([b"", FOUR, SIX]),
            st.integers(0, 65535),
            st.booleans(),
            st.booleans(),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_changes_are_read_as_they_were_told(changes: list[Change]) -> None:
    data = b"".join(map(pack, changes))

    assert list(unpack(data)) == changes
    if data:
        with pytest.raises(ValueError, match="cut"):
            list(unpack(data[:-1]))
