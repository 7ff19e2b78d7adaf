"""The one decision: rights × clock × state, and what each comes to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from drm.decision import Clock, Decision, Usage, decide, require
from drm.errors import FormatError, LicenceRefusedError
from drm.lease import Lease
from drm.rights import LeaseTerms, Rights
from drm.status import Status, sign_status, verify_status
from tests.drm.house import HOUR, ISSUER, NOW

MINUTE = timedelta(minutes=1)
DAY = 24 * HOUR
TERMS = LeaseTerms(duration=3 * 86400, grace=86400)
BUY = Rights(play=True, save=True)
LEASED = Rights(play=True, lease=TERMS)
WINDOW = Rights(play=True, lease=TERMS, play_window=48 * 3600)
SOFT = Rights(play=True, lease=TERMS, play_window=3600, soft_end=True, hard_cap=7200)
TWICE = Rights(play=True, lease=TERMS, play_count=2)


def lease(**changes: Any) -> Lease:
    values: dict[str, Any] = {
        "lease_id": "l",
        "licence_id": "1",
        "licence_hash": "h",
        "device": "d",
        "issued_at": NOW,
        "expires": NOW + 3 * DAY,
        "counter": 1,
        "epoch": 0,
        "first_play": None,
        "plays": 0,
        "claims": {},
    }
    return Lease(**(values | changes))


def status(word: str) -> Status:
    jws = sign_status(
        issuer=ISSUER,
        kid="k",
        licence_id="1",
        status=word,
        message="Refunded.",
        now=NOW,
        updated=NOW,
        nonce="n" * 16,
    )
    return verify_status(jws, issuer_public=ISSUER.public, licence_id="1", nonce="n" * 16, now=NOW)


def answer(rights: Rights, action: Any = "play", at: datetime = NOW, **changes: Any) -> Decision:
    high_water = changes.pop("high_water", None)
    values: dict[str, Any] = {
        "not_before": None,
        "expires": None,
        "lease": lease() if rights.lease else None,
        "status": None,
        "usage": Usage(),
        "clock": Clock(now=at, high_water=high_water),
    }
    return decide(action, rights=rights, **(values | changes))


LONG_AGO = datetime(1970, 1, 1, tzinfo=NOW.tzinfo)
TABLE: list[tuple[Rights, str, datetime, dict[str, Any], str]] = [
    # A purchase never asks the clock.
    (BUY, "play", LONG_AGO, {"high_water": NOW}, ""),
    (BUY, "save", NOW + 9999 * DAY, {"usage": Usage(known=False)}, ""),
    (BUY, "play", NOW, {"status": status("active")}, ""),
    (BUY, "play", NOW, {"status": status("revoked")}, "revoked"),
    (BUY, "lend", NOW, {}, "right_absent"),
    (Rights(), "play", NOW, {}, "right_absent"),
    # A time limit without a lease.
    (BUY, "play", NOW - MINUTE, {"not_before": NOW}, "not_yet_valid"),
    (BUY, "play", NOW, {"not_before": NOW}, ""),
    (BUY, "play", NOW - MINUTE, {"expires": NOW}, ""),
    (BUY, "play", NOW, {"expires": NOW}, "expired"),
    (BUY, "play", NOW - 6 * MINUTE, {"expires": NOW, "high_water": NOW}, "clock_set_back"),
    (BUY, "play", NOW - 5 * MINUTE, {"expires": NOW, "high_water": NOW}, ""),
    # A lease, with its grace.
    (LEASED, "play", NOW, {}, ""),
    (LEASED, "save", NOW, {}, "right_absent"),
    (LEASED, "play", NOW, {"lease": None}, "lease_missing"),
    (LEASED, "play", NOW, {"usage": Usage(known=False)}, "state_missing"),
    (LEASED, "play", NOW + 4 * DAY - MINUTE, {}, ""),
    (LEASED, "play", NOW + 4 * DAY, {}, "lease_expired"),
    (LEASED, "play", NOW + 4 * DAY, {"expires": NOW + DAY}, "expired"),
    (LEASED, "play", NOW + DAY, {"high_water": NOW + 2 * DAY}, "clock_set_back"),
    (LEASED, "play", NOW - 5 * MINUTE, {}, ""),
    (LEASED, "play", NOW - 6 * MINUTE, {}, "clock_set_back"),
    (LEASED, "play", NOW, {"status": status("returned")}, "revoked"),
    # A window from the first play on, whoever knows of it.
    (WINDOW, "play", NOW, {}, ""),
    (WINDOW, "play", NOW + 2 * DAY, {"usage": Usage(first_play=NOW)}, "window_over"),
    (WINDOW, "play", NOW + 2 * DAY - MINUTE, {"usage": Usage(first_play=NOW)}, ""),
    (WINDOW, "play", NOW, {"lease": lease(first_play=NOW - 2 * DAY)}, "window_over"),
    (
        WINDOW,
        "play",
        NOW + DAY,
        {"lease": lease(first_play=NOW - DAY), "usage": Usage(first_play=NOW + DAY)},
        "window_over",
    ),
    # Plays under this lease and the ones before.
    (TWICE, "play", NOW, {}, ""),
    (TWICE, "play", NOW, {"usage": Usage(plays=1)}, ""),
    (TWICE, "play", NOW, {"usage": Usage(plays=2)}, "plays_used_up"),
    (TWICE, "play", NOW, {"lease": lease(plays=1), "usage": Usage(plays=1)}, "plays_used_up"),
    (TWICE, "play", NOW, {"lease": lease(plays=3)}, "plays_used_up"),
]
ONLINE = {"lease_missing", "lease_expired", "clock_set_back", "state_missing"}


@pytest.mark.parametrize(("rights", "action", "at", "state", "code"), TABLE)
def test_table(rights: Rights, action: str, at: datetime, state: dict[str, Any], code: str) -> None:
    result = answer(rights, action, at, **state)

    assert (result.allowed, result.code) == (not code, code)
    if result.allowed:
        require(result)
        return
    assert result.go_online is (code in ONLINE)
    with pytest.raises(LicenceRefusedError) as refusal:
        require(result)
    assert (refusal.value.code, refusal.value.message) == (code, result.message)


def test_ends_and_stops() -> None:
    def span(rights: Rights, **state: Any) -> tuple[datetime | None, datetime | None]:
        result = answer(rights, **state)
        return result.ends, result.stops

    grace_end = NOW + 4 * DAY
    assert span(BUY) == (None, None)
    assert span(BUY, expires=NOW + HOUR) == (NOW + HOUR, NOW + HOUR)
    assert span(LEASED) == (grace_end, grace_end)
    assert span(LEASED, expires=NOW + DAY) == (NOW + DAY, NOW + DAY)
    assert span(WINDOW) == (NOW + 2 * DAY, NOW + 2 * DAY)
    assert span(SOFT, usage=Usage(first_play=NOW)) == (NOW + HOUR, NOW + 3 * HOUR)


def test_what_a_play_does() -> None:
    assert answer(WINDOW).begins_window
    assert not answer(WINDOW, usage=Usage(first_play=NOW)).begins_window
    assert not answer(WINDOW, lease=lease(first_play=NOW)).begins_window
    assert answer(TWICE).counts_play
    assert not answer(LEASED).counts_play
    assert answer(TWICE, usage=Usage(plays=1)).plays_left == 1
    assert answer(LEASED).plays_left is None


def test_in_its_grace_a_lease_asks_to_go_online() -> None:
    assert not answer(LEASED, at=NOW + 3 * DAY - MINUTE).go_online
    assert answer(LEASED, at=NOW + 3 * DAY).go_online


def test_the_shops_sentence_is_the_one_told() -> None:
    assert answer(BUY, status=status("revoked")).message == "Refunded."


def test_a_time_without_a_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="zone"):
        Clock(now=NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="zone"):
        Clock(now=NOW, high_water=NOW.replace(tzinfo=None))


ALL = Rights(
    play=True,
    play_window=7200,
    play_start_grace=60,
    soft_end=True,
    hard_cap=600,
    play_count=3,
    lease=TERMS,
    transfer=True,
    lend=1209600,
    gift=True,
)


@pytest.mark.parametrize("rights", [BUY, LEASED, WINDOW, SOFT, TWICE, ALL, Rights(lend=1)])
def test_rights_come_back(rights: Rights) -> None:
    assert Rights.from_claims(rights.to_claims()) == rights


def test_critical_names_the_limits() -> None:
    assert BUY.critical() == ()
    assert LEASED.critical() == ("rights.lease",)
    assert ALL.critical() == ("rights.lease", "rights.play_window", "rights.play_count")


@pytest.mark.parametrize(
    "claims",
    [
        {"play_window": 60},
        {"play_count": 1},
        {"save": True, "lease": {"duration": 1}},
        {"lease": {}},
        {"lease": []},
        {"lease": {"duration": 0}},
        {"lease": {"duration": 1, "grace": -1}},
        {"lease": {"duration": 1}, "play_count": 0},
        {"lease": {"duration": 1}, "play_window": True},
        {"lend": "14"},
        {"gift": 1},
        {"hard_cap": 2**60},
    ],
)
def test_rights_that_contradict_themselves_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Rights.from_claims({"play": True} | claims)
