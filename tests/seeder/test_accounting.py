"""Each byte is one label's, once: whatever connections do, and however libtorrent shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeder.accounting import MOST_ENDED, QUIET_LOOKS, Accounting, Pair, Payload, Totals
from seeder.alerts import PeerSnapshot

PACKAGE = "ab" * 32
HASH = "cd" * 32
BEN, EVE = "ben" + "0" * 17, "eve" + "0" * 17


def peer(
    label: str = BEN,
    down: int = 0,
    up: int = 0,
    *,
    host: str = "10.0.0.1",
    port: int = 6881,
    outgoing: bool = True,
    info_hash: str = HASH,
) -> PeerSnapshot:
    return PeerSnapshot(
        info_hash=info_hash,
        host=host,
        port=port,
        label=label,
        downloaded=down,
        uploaded=up,
        outgoing=outgoing,
        seed=False,
    )


@dataclass
class Desk:
    """An accounting, and the torrent's own total, which follows what it is shown unless told."""

    accounting: Accounting = field(default_factory=Accounting)

    def sees(self, *peers: PeerSnapshot, received: int = 0, sent: int = 0) -> bool:
        return self.accounting.observe(peers, {HASH: Payload(PACKAGE, received, sent)})

    def rests(self, *peers: PeerSnapshot, received: int = 0, sent: int = 0) -> None:
        for _n in range(QUIET_LOOKS + 1):
            self.sees(*peers, received=received, sent=sent)

    def of(self, label: str) -> tuple[int, int]:
        totals = self.accounting.totals.get(Pair(PACKAGE, label), Totals())
        return totals.received, totals.sent


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_both_directions_of_each_peer_are_its_own(desk: Desk) -> None:
    desk.sees(peer(BEN, 100, 7), peer(EVE, 50, port=6882))
    desk.sees(peer(BEN, 300, 7), peer(EVE, 50, 20, port=6882))

    assert (desk.of(BEN), desk.of(EVE)) == ((300, 7), (50, 20))


def test_packages_are_counted_apart(desk: Desk) -> None:
    other = "ef" * 32
    torrents = {HASH: Payload(PACKAGE, 0, 0), other: Payload("12" * 32, 0, 0)}

    desk.accounting.observe([peer(BEN, 100), peer(BEN, 40, info_hash=other)], torrents)

    assert desk.accounting.totals == {
        Pair(PACKAGE, BEN): Totals(100, 0),
        Pair("12" * 32, BEN): Totals(40, 0),
    }


def test_a_redial_of_the_same_place_carries_the_old_count_over(desk: Desk) -> None:
    """As measured: down, the old count stands there without a label; up, it goes on from it."""
    for shown in (peer(BEN, 100), peer("", 100), peer("", 100), peer(BEN, 100), peer(BEN, 150)):
        desk.sees(shown)

    assert desk.of(BEN) == (150, 0)


def test_of_a_redial_that_begins_at_nothing_its_growth_is_counted(desk: Desk) -> None:
    """Its first 30 may as well be old ones."""
    desk.sees(peer(BEN, 100))
    desk.sees()
    desk.sees(peer(BEN, 30))
    desk.sees(peer(BEN, 80))

    assert desk.of(BEN) == (150, 0)


def test_who_called_and_is_dialled_later_carries_the_old_count_over(desk: Desk) -> None:
    """As measured: it called from any port, and libtorrent knows by now where it listens."""
    desk.sees(peer(BEN, 100, outgoing=False, port=40001))
    desk.sees()
    desk.sees(peer("", 100, outgoing=True, port=6881))
    desk.sees(peer(BEN, 130, outgoing=True, port=6881))
    desk.sees()
    # And the other way round, in both counts at once.
    desk.sees(peer(BEN, 0, outgoing=False, port=40002))
    desk.sees(peer(BEN, 20, outgoing=False, port=40002))
    desk.sees()
    desk.sees(peer(BEN, 155, outgoing=True, port=6881))

    assert desk.of(BEN) == (155, 0)


def test_a_count_is_carried_over_between_two_looks(desk: Desk) -> None:
    desk.sees(peer(BEN, 100, outgoing=False, port=40001))
    desk.sees(peer(BEN, 120, outgoing=True, port=6881))

    assert desk.of(BEN) == (120, 0)


def test_a_count_that_is_hidden_while_it_is_dialled_is_not_counted_again(desk: Desk) -> None:
    """Down it may show as nothing, and come back: the label's old bytes stay counted once."""
    for shown in (peer(BEN, 100), peer("", 0), peer(BEN, 120)):
        desk.sees(shown)

    assert desk.of(BEN) == (120, 0)


def test_a_caller_who_comes_back_from_another_port_is_the_same_peer(desk: Desk) -> None:
    desk.sees(peer(BEN, 100, outgoing=False, port=40001))
    desk.sees()
    desk.sees(peer(BEN, 0, outgoing=False, port=40002))
    desk.sees(peer(BEN, 30, outgoing=False, port=40002))

    assert desk.of(BEN) == (130, 0)


def test_ipv4_and_ipv6_at_once_are_two_connections_of_one_peer(desk: Desk) -> None:
    """Each carries bytes of its own; none is taken for the other."""
    desk.sees(peer(BEN, 100), peer(BEN, 10, host="2001:db8::1"))
    desk.sees(peer(BEN, 150), peer(BEN, 10, host="2001:db8::1"))

    assert desk.of(BEN) == (160, 0)


def test_two_buyers_behind_one_router_are_two_peers(desk: Desk) -> None:
    desk.sees(peer(BEN, 100, port=6881), peer(EVE, 70, port=6882))
    desk.sees(peer(BEN, 110, port=6881), peer(EVE, 90, port=6882))

    assert (desk.of(BEN), desk.of(EVE)) == ((110, 0), (90, 0))


def test_a_place_that_changed_its_label_gives_its_new_bytes_to_the_new_one(desk: Desk) -> None:
    """Ben's program was started again, and somebody else's stands there now."""
    desk.sees(peer(BEN, 100))
    desk.sees(peer("", 100))
    desk.sees(peer(EVE, 130))

    assert (desk.of(BEN), desk.of(EVE)) == ((100, 0), (30, 0))


def test_what_came_without_a_label_is_nobodys_for_ever(desk: Desk) -> None:
    desk.sees(peer("", 500))
    desk.sees(peer("", 800))
    desk.sees(peer(EVE, 900))

    assert desk.of(EVE) == (100, 0)


def test_a_new_session_begins_at_nothing_and_adds_to_what_was_known() -> None:
    desk = Desk(Accounting({Pair(PACKAGE, BEN): Totals(1000, 5)}))

    desk.sees(peer(BEN, 100))

    assert desk.of(BEN) == (1100, 5)


def test_what_the_only_one_who_left_sent_last_is_theirs(desk: Desk) -> None:
    """After the last look at it another 60 bytes came: the torrent's own total has them."""
    desk.sees(peer(BEN, 100), received=100)
    desk.sees(received=160)

    desk.rests(received=160)

    assert desk.of(BEN) == (160, 0)


def test_what_the_only_one_who_left_was_sent_last_is_theirs(desk: Desk) -> None:
    desk.sees(peer(BEN, 0, 100, outgoing=False), sent=100)
    desk.sees(sent=130)

    desk.rests(sent=130)

    assert desk.of(BEN) == (0, 130)


def test_where_two_have_left_nobody_can_say_whose_the_rest_is(desk: Desk) -> None:
    desk.sees(peer(BEN, 100), peer(EVE, 100, port=6882), received=200)
    desk.sees(received=260)

    desk.rests(received=260)

    assert (desk.of(BEN), desk.of(EVE)) == ((100, 0), (100, 0))


def test_the_rest_is_nobodys_where_one_without_a_label_has_left(desk: Desk) -> None:
    desk.sees(peer("", 100), received=100)
    desk.sees(received=160)

    desk.rests(received=160)

    assert desk.accounting.totals == {}


def test_what_is_between_two_reports_is_no_rest(desk: Desk) -> None:
    """The torrent's total and the connections' are read at two moments: while anything moves,
    what differs is nobody's, whoever has left."""
    desk.sees(peer(BEN, 100), peer(EVE, 100, port=6882), received=150)
    for n in range(1, 30):
        desk.sees(peer(EVE, 100 + 10 * n, port=6882), received=150 + 10 * n)

    assert (desk.of(BEN), desk.of(EVE)) == ((100, 0), (390, 0))


def test_a_rest_is_given_once(desk: Desk) -> None:
    desk.sees(peer(BEN, 100), received=100)
    desk.sees(received=160)
    desk.rests(received=160)
    desk.rests(received=160)
    # Everything is explained, so the next one to leave gets nothing of it.
    desk.sees(peer(EVE, 10, host="10.0.0.2"), received=170)
    desk.rests(received=170)

    assert (desk.of(BEN), desk.of(EVE)) == ((160, 0), (10, 0))


def test_a_rest_that_nobody_can_have_sent_so_fast_is_nobodys(desk: Desk) -> None:
    desk.sees(peer(BEN, 100), received=100)
    desk.sees(received=2**40)

    desk.rests(received=2**40)

    assert desk.of(BEN) == (100, 0)


def test_pause_and_resume_count_once(desk: Desk) -> None:
    """The torrent's own total begins anew, the redialled place goes on, the caller begins anew."""
    eve: dict[str, Any] = {"host": "10.0.0.2", "outgoing": False}
    desk.sees(peer(BEN, 100), peer(EVE, 40, port=40001, **eve), received=140)
    desk.sees(received=140)
    desk.rests(received=140)
    desk.sees(peer("", 100), received=0)
    desk.sees(peer(BEN, 150), peer(EVE, 0, port=40002, **eve), received=50)
    desk.rests(peer(BEN, 150), peer(EVE, 20, port=40002, **eve), received=70)

    assert (desk.of(BEN), desk.of(EVE)) == ((150, 0), (60, 0))


def test_what_the_only_one_sent_before_it_was_seen_again_is_theirs(desk: Desk) -> None:
    """It called anew: its 40 may have been old ones, but the torrent's own total has them."""
    desk.sees(peer(BEN, 100), received=100)
    desk.rests(received=100)
    desk.sees(peer(BEN, 40, port=40001, outgoing=False), received=140)
    assert desk.of(BEN) == (100, 0)

    desk.rests(peer(BEN, 40, port=40001, outgoing=False), received=140)

    assert desk.of(BEN) == (140, 0)


def test_what_the_only_one_carried_over_is_not_theirs_again(desk: Desk) -> None:
    desk.sees(peer(BEN, 100), received=100)
    desk.rests(received=100)
    desk.sees(peer(BEN, 140), received=140)

    desk.rests(peer(BEN, 140), received=140)

    assert desk.of(BEN) == (140, 0)


def test_where_one_has_come_back_and_one_has_left_the_rest_is_nobodys(desk: Desk) -> None:
    eve = peer(EVE, 100, host="10.0.0.2")
    desk.sees(peer(BEN, 100), eve, received=200)
    desk.rests(eve, received=200)
    desk.sees(peer(BEN, 40, port=40001, outgoing=False), received=240)

    desk.rests(peer(BEN, 40, port=40001, outgoing=False), received=240)

    assert (desk.of(BEN), desk.of(EVE)) == ((100, 0), (100, 0))


def test_it_tells_whether_anything_moves(desk: Desk) -> None:
    assert desk.sees(peer(BEN, 100), received=100)
    assert not desk.sees(peer(BEN, 100), received=100)
    assert desk.sees(peer(BEN, 100), received=120)


def test_a_torrent_that_was_taken_out_and_added_again_begins_at_nothing(desk: Desk) -> None:
    """As when it goes on under a new label of ours."""
    desk.sees(peer(BEN, 100), received=100)
    desk.accounting.observe([], {})
    desk.sees(peer(BEN, 60), received=60)

    assert desk.of(BEN) == (160, 0)


def test_a_torrent_that_is_not_named_is_passed_over(desk: Desk) -> None:
    desk.accounting.observe([peer(BEN, 100)], {})

    assert desk.accounting.totals == {}


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([BEN, EVE, ""]),
                st.integers(0, 3),
                st.integers(0, 1000),
                st.booleans(),
            ),
            max_size=4,
            unique_by=lambda row: row[1],
        ),
        max_size=30,
    )
)
def test_no_order_of_looks_counts_more_than_the_connections_did(
    looks: list[list[tuple[str, int, int, bool]]],
) -> None:
    """Whatever is shown: totals never fall, and never pass the sum of all growth."""
    accounting, most, before = Accounting(), 0, 0
    last: dict[int, int] = {}
    for look in looks:
        for _label, port, count, _out in look:
            known = last.get(port, 0)
            most += count - known if count >= known else count
            last[port] = count
        accounting.observe(
            [peer(label, count, port=port, outgoing=out) for label, port, count, out in look],
            {HASH: Payload(PACKAGE, 0, 0)},
        )
        counted = sum(totals.received for totals in accounting.totals.values())
        assert before <= counted <= most
        before = counted


def test_very_many_addresses_are_not_all_remembered_and_nothing_counts_twice(desk: Desk) -> None:
    """Where a count may be carried over that is forgotten, what may be old does not count."""
    desk.sees(peer(BEN, 300, host="10.9.9.9"))
    for n in range(MOST_ENDED + 10):
        desk.sees(peer(EVE, 300 if n < 10 else 500, host=f"2001:db8::{n:x}"))
    desk.sees()
    before = desk.of(BEN)

    assert len(desk.accounting._ended) <= MOST_ENDED
    desk.sees(peer(BEN, 300, host="10.9.9.9"))
    assert desk.of(BEN) == before == (300, 0)
    desk.sees(peer(BEN, 350, host="10.9.9.9"))
    assert desk.of(BEN) == (350, 0)
    desk.sees()
    desk.sees(peer(BEN, 350, host="10.9.9.9"))
    assert desk.of(BEN) == (350, 0)
