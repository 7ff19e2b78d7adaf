from __future__ import annotations

from datetime import UTC, datetime, timedelta

from seeder.alerts import PeerSnapshot
from seeder.cutting import CUT_PAUSE, MEMORY, Doorman, Verdict
from seeder.swarm_calls import Met

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"
NOBODY = Verdict(frozenset(), frozenset())


def link(label: str, host: str, port: int = 6881, *, masked: bool = False) -> PeerSnapshot:
    return PeerSnapshot(
        "ab" * 32, host, port, label, 0, 0, outgoing=False, seed=False, masked=masked
    )


def met(label: str, host: str) -> Met:
    return Met(host, 6881, label)


def test_who_is_allowed_and_who_the_shop_never_named_stay() -> None:
    doorman = Doorman()
    doorman.told([met("ada", HOME)], frozenset(), now=NOW)

    verdict = doorman.judge([link("ada", HOME), link("ben", ELSEWHERE)], now=NOW)

    assert verdict == NOBODY
    assert not doorman.alert


def test_a_label_that_is_gone_shuts_its_host_where_it_was_named_before() -> None:
    doorman = Doorman()
    doorman.told([met("ada", HOME)], frozenset(), now=NOW)

    doorman.told([], frozenset({"ada"}), now=NOW)

    assert doorman.alert
    assert doorman.judge([], now=NOW) == Verdict(frozenset({HOME}), frozenset())


def test_a_label_that_is_gone_shuts_the_host_that_it_is_seen_at_for_as_long_as_it_could_return() -> (
    None
):
    doorman = Doorman()
    doorman.told([], frozenset({"ada"}), now=NOW)

    seen = doorman.judge([link("ada", HOME)], now=NOW)
    later = doorman.judge([], now=NOW + MEMORY - timedelta(seconds=1))
    ended = doorman.judge([], now=NOW + MEMORY)

    assert seen == later == Verdict(frozenset({HOME}), frozenset())
    assert ended == NOBODY


def test_at_a_host_where_somebody_is_allowed_strangers_are_cut_now_and_then() -> None:
    doorman = Doorman()
    doorman.told([met("ada", HOME), met("eve", HOME)], frozenset(), now=NOW)
    doorman.told([met("ada", HOME)], frozenset({"eve"}), now=NOW)
    both = [link("ada", HOME, 1), link("eve", HOME, 2)]

    first = doorman.judge(both, now=NOW)
    soon = doorman.judge(both, now=NOW + CUT_PAUSE / 2)
    again = doorman.judge(both, now=NOW + CUT_PAUSE)
    another_name = doorman.judge([link("mallory", HOME)], now=NOW + 2 * CUT_PAUSE)
    alone = doorman.judge([link("ada", HOME)], now=NOW + 3 * CUT_PAUSE)

    assert first == again == another_name == Verdict(frozenset(), frozenset({HOME}))
    assert soon == alone == NOBODY


def test_a_household_of_ipv6_counts_as_one_host() -> None:
    doorman = Doorman()
    doorman.told([met("ada", "2001:db8:1:2::1")], frozenset({"eve"}), now=NOW)

    neighbour = doorman.judge([link("eve", "2001:db8:1:2::ffff")], now=NOW)
    stranger = doorman.judge([link("eve", "2001:db8:1:3::1")], now=NOW)

    assert neighbour == Verdict(frozenset(), frozenset({"2001:db8:1:2::ffff"}))
    assert stranger.kept_out == frozenset({"2001:db8:1:3::1"})


def test_after_two_hours_everybody_shows_the_certificate_again_whatever_the_label() -> None:
    """A label can be copied, also one that the shop goes on naming."""
    doorman = Doorman()
    old = [link("ada", HOME), link("ben", ELSEWHERE)]
    doorman.judge(old, now=NOW)

    doorman.told([met("ada", HOME)], frozenset(), now=NOW + MEMORY)
    verdict = doorman.judge(old, now=NOW + MEMORY + timedelta(seconds=1))

    assert verdict == Verdict(frozenset(), frozenset({HOME, ELSEWHERE}))
    assert doorman.judge(old, now=NOW + MEMORY + timedelta(minutes=1)) == NOBODY


def test_somebody_who_is_still_dialling_has_no_label_and_is_left_alone() -> None:
    doorman = Doorman()
    doorman.told([met("ada", HOME)], frozenset({"eve"}), now=NOW)
    doorman.judge([link("eve", HOME)], now=NOW)

    verdict = doorman.judge([link("", HOME)], now=NOW + MEMORY / 2)

    assert verdict == NOBODY


def test_who_shows_no_label_is_shut_out_like_one_that_is_gone() -> None:
    """Else a device that was put out would only have to hide its label."""
    doorman = Doorman()
    doorman.told([met("ada", HOME)], frozenset(), now=NOW)

    elsewhere = doorman.judge([link("", ELSEWHERE, masked=True)], now=NOW)
    beside_ada = doorman.judge([link("", HOME, masked=True), link("ada", HOME)], now=NOW)

    assert elsewhere == Verdict(frozenset({ELSEWHERE}), frozenset())
    assert beside_ada == Verdict(frozenset({ELSEWHERE}), frozenset({HOME}))
    assert doorman.alert


def test_whose_right_comes_back_is_let_in_at_once() -> None:
    doorman = Doorman()
    doorman.told([], frozenset({"ada", "eve"}), now=NOW)
    shut = doorman.judge([link("ada", HOME), link("eve", ELSEWHERE)], now=NOW)

    doorman.told([], frozenset({"eve"}), now=NOW + timedelta(minutes=5))

    assert shut.kept_out == {HOME, ELSEWHERE}
    assert doorman.judge([], now=NOW + timedelta(minutes=5)).kept_out == {ELSEWHERE}
