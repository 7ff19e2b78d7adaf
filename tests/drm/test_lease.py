"""Leases: a leased licence opens with its own genuine lease, in its time, and not otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drm.decision import Usage
from drm.errors import (
    AuthenticationError,
    FormatError,
    KeyMismatchError,
    OnlineNeededError,
    PlaysUsedUpError,
    UnsupportedError,
    WindowOverError,
)
from drm.lease import Lease, sign_lease, verify_lease
from drm.licence import DeviceKeys, peek_licence
from drm.rights import LeaseTerms, Rights
from drm.signed import sign
from tests.drm.house import (
    DEVICE,
    DEVICE_KEYS,
    HOUR,
    ISSUER,
    KEY,
    NOW,
    OTHER_DEVICE,
    OTHER_KEY,
    OTHER_SEALING,
    STRANGER,
    Shelf,
    claims_of,
    licence_for,
    opened,
    signed_again,
)

NONCE = "nonce-of-the-question"
RENT = Rights(
    play=True, lease=LeaseTerms(duration=259200, grace=3600), play_window=7200, play_count=2
)


@pytest.fixture
def rental(shelf: Shelf) -> str:
    return licence_for(shelf, rights=RENT)


def lease_for(licence: str, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "kid": ISSUER.public.thumbprint,
        "lease_id": "lease-1",
        "licence": licence,
        "device": DEVICE_KEYS,
        "key": KEY,
        "now": NOW,
        "expires": NOW + 3 * HOUR,
        "counter": 4,
        "epoch": 0,
        "nonce": NONCE,
    }
    return sign_lease(**(arguments | changes))


def read(jws: str, licence: str, **changes: Any) -> Lease:
    arguments: dict[str, Any] = {
        "issuer_public": ISSUER.public,
        "licence": licence,
        "device": DEVICE.public.thumbprint,
        "nonce": NONCE,
    }
    return verify_lease(jws, **(arguments | changes))


def resigned(jws: str, **changes: Any) -> str:
    return sign(claims_of(jws) | changes, key=ISSUER, kind="geobuk-lease+jws")


def test_a_leased_licence_opens_with_its_lease(shelf: Shelf, rental: str) -> None:
    lease = read(lease_for(rental), rental)

    result = opened(rental, shelf, lease=lease)

    assert result.content_key == KEY
    assert (result.decision.begins_window, result.decision.plays_left) == (True, 2)
    assert claims_of(rental)["wrapped_key"] is None
    assert claims_of(rental)["crit"] == ["rights.lease", "rights.play_window", "rights.play_count"]
    assert not result.claims.perpetual
    assert result.claims.suite is None


def test_a_lease_says_what_was_signed(rental: str) -> None:
    jws = lease_for(rental, first_play=NOW - HOUR, plays=1, expires=NOW + HOUR * 1.25)
    lease = read(jws, rental, nonce=None)

    assert lease.licence_id == peek_licence(rental, issuer_public=ISSUER.public).licence_id
    assert (lease.issued_at, lease.expires) == (NOW, NOW + 2 * HOUR)
    assert (lease.first_play, lease.plays) == (NOW - HOUR, 1)
    assert (lease.counter, lease.epoch, lease.lease_id) == (4, 0, "lease-1")
    assert KEY.to_bytes().hex() not in repr(lease)


def test_refusals_of_a_leased_licence(shelf: Shelf, rental: str) -> None:
    lease = read(lease_for(rental), rental)

    for code, state in (
        ("lease_missing", {"lease": None}),
        ("lease_expired", {"now": NOW + 4 * HOUR}),
        ("clock_set_back", {"high_water": NOW + HOUR}),
        ("state_missing", {"usage": Usage(known=False)}),
    ):
        with pytest.raises(OnlineNeededError) as refusal:
            opened(rental, shelf, **({"lease": lease} | state))
        assert refusal.value.code == code
    with pytest.raises(WindowOverError):
        opened(rental, shelf, lease=lease, usage=Usage(first_play=NOW - 2 * HOUR))
    with pytest.raises(PlaysUsedUpError):
        opened(rental, shelf, lease=lease, usage=Usage(plays=2))


def test_every_changed_byte_of_a_lease_is_refused(rental: str) -> None:
    raw = lease_for(rental).encode()
    for position in range(len(raw)):
        for flip in (1, 4, 0x20):
            changed = bytearray(raw)
            changed[position] ^= flip
            with pytest.raises((AuthenticationError, FormatError)):
                read(changed.decode(), rental)


def test_another_lease_is_refused(shelf: Shelf, rental: str) -> None:
    jws = lease_for(rental)
    twin = licence_for(shelf, rights=RENT, expires=NOW + HOUR)

    for wrong in (
        {"licence": twin},
        {"device": OTHER_DEVICE.public.thumbprint},
        {"nonce": "nonce-of-another-question"},
        {"issuer_public": STRANGER.public},
    ):
        with pytest.raises(AuthenticationError):
            read(jws, **({"licence": rental} | wrong))
    with pytest.raises(AuthenticationError, match="another licence"):
        opened(twin, shelf, lease=read(jws, rental))
    with pytest.raises(AuthenticationError):
        read(rental, rental)


def test_a_lease_key_opens_under_its_own_claims_alone(shelf: Shelf, rental: str) -> None:
    jws = lease_for(rental)

    changes: list[dict[str, Any]] = [{"exp": claims_of(jws)["exp"] + 3600}, {"plays": 0}]
    for change in changes:
        with pytest.raises(KeyMismatchError):
            opened(rental, shelf, lease=read(resigned(jws, **change), rental))
    with pytest.raises(KeyMismatchError):
        opened(rental, shelf, lease=read(jws, rental), sealing_key=OTHER_SEALING)
    with pytest.raises(KeyMismatchError):
        opened(rental, shelf, lease=read(lease_for(rental, key=OTHER_KEY), rental))


def test_lost_and_malformed_claims_are_refused(rental: str) -> None:
    jws = lease_for(rental)
    claims = claims_of(jws)

    for name in claims:
        lost = {key: value for key, value in claims.items() if key != name}
        with pytest.raises(FormatError):
            read(sign(lost, key=ISSUER, kind="geobuk-lease+jws"), rental)
    for change in ({"exp": 1}, {"counter": -1}, {"plays": -1}, {"first_play": "now"}):
        with pytest.raises(FormatError):
            read(resigned(jws, **change), rental)
    with pytest.raises(AuthenticationError):
        read(resigned(jws, device="거북"), rental)
    for newer in ({"v": 2}, {"crit": ["place"]}):
        with pytest.raises(UnsupportedError):
            read(resigned(jws, **newer), rental)


def test_no_lease_is_signed_that_could_not_open(rental: str) -> None:
    stranger = DeviceKeys(identity_public=OTHER_DEVICE.public, sealing_public=OTHER_SEALING.public)
    for wrong in ({"device": stranger}, {"expires": NOW}, {"nonce": "short"}):
        with pytest.raises(FormatError):
            lease_for(rental, **wrong)


def test_a_limit_that_is_not_critical_is_refused(shelf: Shelf, rental: str) -> None:
    claims = claims_of(rental)
    crits: list[list[str]] = [[], ["rights.lease"], ["rights.play_window", "rights.play_count"]]

    for crit in crits:
        with pytest.raises(FormatError, match="critical"):
            opened(signed_again(claims, crit=crit), shelf)
    del claims["crit"]
    with pytest.raises(FormatError, match="critical"):
        opened(signed_again(claims), shelf)


def test_the_key_stands_in_the_licence_or_in_the_lease(shelf: Shelf, rental: str) -> None:
    bought = licence_for(shelf)

    wrapped = claims_of(bought)["wrapped_key"]
    with pytest.raises(FormatError, match="must not hold the key"):
        opened(signed_again(claims_of(rental), wrapped_key=wrapped), shelf)
    with pytest.raises(FormatError):
        opened(signed_again(claims_of(bought), wrapped_key=None), shelf)
    assert peek_licence(bought, issuer_public=ISSUER.public).perpetual
    # A lease changes nothing for a licence that needs none.
    lease = read(lease_for(rental), rental)
    assert opened(bought, shelf, lease=lease, now=NOW - timedelta(days=9)).content_key == KEY
