"""Licences: they open for one device, one package and what they grant, and for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from drm.encoding import canonical_json, from_b64u
from drm.errors import (
    AuthenticationError,
    ExpiredError,
    FormatError,
    KeyMismatchError,
    LicenceRefusedError,
    NotYetValidError,
    OtherContentError,
    OtherDeviceError,
    RevokedError,
    RightAbsentError,
)
from drm.keys import SealingKey
from drm.licence import DeviceKeys, issue_licence, peek_licence
from drm.rights import Rights, decide
from drm.status import Status, sign_status, verify_status
from tests.drm.house import (
    DEVICE,
    DEVICE_KEYS,
    DEVICE_SEALING,
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
    pattern,
    seal,
)

NONCE = "nonce-of-the-question"


def status_of(licence_id: str, status: str, message: str = "") -> Status:
    jws = sign_status(
        issuer=ISSUER,
        kid="k",
        licence_id=licence_id,
        status=status,
        message=message,
        now=NOW,
        updated=NOW,
        nonce=NONCE,
    )
    return verify_status(
        jws, issuer_public=ISSUER.public, licence_id=licence_id, nonce=NONCE, now=NOW
    )


def test_a_licence_opens_on_its_device(shelf: Shelf, licence: str) -> None:
    result = opened(licence, shelf)

    assert result.content_key == KEY
    assert result.rights == Rights(play=True, save=False)
    assert result.claims == peek_licence(licence, issuer_public=ISSUER.public)
    assert result.claims.issuer_name == "거북 상점"
    assert result.claims.issued_at == NOW
    assert result.claims.device == DEVICE.public.thumbprint
    assert result.claims.package_id == shelf.package_id
    assert result.claims.subject == "buyer-1"
    assert result.claims.not_before is None
    assert result.claims.expires is None
    assert result.claims.links == {"status": "https://shop.example/api/v1/licences/1/status"}


def test_the_other_library_opens_the_wrapped_key(licence: str) -> None:
    claims = claims_of(licence)
    wrapped = claims.pop("wrapped_key")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(canonical_json(claims))
    suite = other.Suite(other.KEM.X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)

    key = suite.decrypt(
        from_b64u(wrapped["enc"]) + from_b64u(wrapped["ct"]),
        X25519PrivateKey.from_private_bytes(DEVICE_SEALING.to_bytes()),
        info=b"geobuk-licence-v1" + digest.finalize(),
    )

    assert key == KEY.to_bytes()


def test_the_secret_does_not_show(shelf: Shelf, licence: str) -> None:
    shown = repr(opened(licence, shelf))

    assert repr(KEY.to_bytes()) not in shown
    assert KEY.to_bytes().hex() not in shown


# Refusals, each with its reason


def test_another_device_is_refused(shelf: Shelf, licence: str) -> None:
    with pytest.raises(OtherDeviceError) as refusal:
        opened(licence, shelf, identity=OTHER_DEVICE.public, sealing_key=OTHER_SEALING)
    assert refusal.value.code == "other_device"
    with pytest.raises(OtherDeviceError):
        opened(licence, shelf, identity=OTHER_DEVICE.public)


def test_a_stolen_name_without_the_sealing_key_opens_nothing(shelf: Shelf, licence: str) -> None:
    with pytest.raises(KeyMismatchError):
        opened(licence, shelf, sealing_key=OTHER_SEALING)


def test_other_content_is_refused(shelf: Shelf, licence: str) -> None:
    twin = seal([pattern(200_000, "a"), pattern(10, "b")])

    with pytest.raises(OtherContentError) as refusal:
        opened(licence, shelf, package_id=twin.package_id, manifest=twin.manifest)
    assert refusal.value.code == "other_content"
    with pytest.raises(OtherContentError):
        opened(licence, shelf, package_id=twin.package_id)
    with pytest.raises(OtherContentError):
        opened(licence, shelf, manifest=twin.manifest)


def test_another_issuer_is_refused(shelf: Shelf, licence: str) -> None:
    with pytest.raises(AuthenticationError):
        opened(licence, shelf, issuer_public=STRANGER.public)
    with pytest.raises(AuthenticationError):
        opened(licence_for(shelf, issuer=STRANGER), shelf)


@pytest.mark.parametrize(
    ("offset", "error"),
    [
        (-1, NotYetValidError),
        (0, None),
        (3599, None),
        (3600, ExpiredError),
        (86400 * 365, ExpiredError),
    ],
)
def test_a_rental_opens_in_its_time(
    shelf: Shelf, offset: int, error: type[LicenceRefusedError] | None
) -> None:
    rental = licence_for(shelf, not_before=NOW, expires=NOW + HOUR)
    moment = NOW + timedelta(seconds=offset)

    if error is None:
        assert opened(rental, shelf, now=moment).content_key == KEY
    else:
        with pytest.raises(error) as refusal:
            opened(rental, shelf, now=moment)
        assert refusal.value.code in ("expired", "not_yet_valid")


def test_the_end_is_a_moment_and_not_a_date(shelf: Shelf) -> None:
    rental = licence_for(shelf, expires=NOW + HOUR)
    seoul, hawaii = timezone(timedelta(hours=9)), timezone(timedelta(hours=-10))

    for zone in (seoul, hawaii):
        assert opened(rental, shelf, now=(NOW + HOUR / 2).astimezone(zone)).content_key == KEY
        with pytest.raises(ExpiredError):
            opened(rental, shelf, now=(NOW + HOUR).astimezone(zone))


@pytest.mark.parametrize(
    "now", [datetime(1970, 1, 1, tzinfo=UTC), NOW - HOUR, datetime(2999, 1, 1, tzinfo=UTC)]
)
def test_a_perpetual_licence_opens_whatever_the_clock_says(
    shelf: Shelf, licence: str, now: datetime
) -> None:
    assert opened(licence, shelf, now=now).content_key == KEY


def test_a_time_without_a_zone_is_a_mistake(shelf: Shelf, licence: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        opened(licence, shelf, now=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("rights", "granted"),
    [
        (Rights(), set()),
        (Rights(play=True), {"play"}),
        (Rights(save=True), {"save"}),
        (Rights(play=True, save=True), {"play", "save"}),
    ],
)
def test_what_is_not_granted_is_denied(shelf: Shelf, rights: Rights, granted: set[str]) -> None:
    jws = licence_for(shelf, rights=rights)

    for action in ("play", "save", "lend", ""):
        if action in granted:
            assert opened(jws, shelf, action=action).content_key == KEY
        else:
            with pytest.raises(RightAbsentError) as refusal:
                opened(jws, shelf, action=action)
            assert refusal.value.code == "right_absent"


def test_rights_come_back_and_only_true_grants() -> None:
    assert Rights.from_claims({}) == Rights()
    assert Rights.from_claims(Rights(play=True).to_claims()) == Rights(play=True)
    assert Rights.from_claims({"play": True, "lend": True}) == Rights(play=True)
    wrongs: list[object] = [1, "true", None, [], {}]
    for wrong in wrongs:
        with pytest.raises(FormatError):
            Rights.from_claims({"play": wrong})
    with pytest.raises(RightAbsentError):
        decide(Rights(play=True), "save")


@pytest.mark.parametrize("status", ["revoked", "returned", "cancelled", "expired"])
def test_a_revoked_status_outranks_the_licence(shelf: Shelf, licence: str, status: str) -> None:
    word = status_of(opened(licence, shelf).claims.licence_id, status, "Refunded on request.")

    with pytest.raises(RevokedError, match="Refunded on request") as refusal:
        opened(licence, shelf, status=word)

    assert refusal.value.code == "revoked"


@pytest.mark.parametrize("status", ["ready", "active"])
def test_an_open_status_opens(shelf: Shelf, licence: str, status: str) -> None:
    word = status_of(opened(licence, shelf).claims.licence_id, status)

    assert opened(licence, shelf, status=word).content_key == KEY


def test_a_status_of_another_licence_is_refused(shelf: Shelf, licence: str) -> None:
    with pytest.raises(AuthenticationError, match="another licence"):
        opened(licence, shelf, status=status_of("other", "active"))


def test_the_first_failure_is_the_one_that_is_told(shelf: Shelf) -> None:
    twin = seal([b"other"])
    jws = licence_for(shelf, rights=Rights(), expires=NOW - HOUR)
    wrong: dict[str, Any] = {
        "identity": OTHER_DEVICE.public,
        "sealing_key": OTHER_SEALING,
        "package_id": twin.package_id,
        "manifest": twin.manifest,
    }
    revoked = status_of(peek_licence(jws, issuer_public=ISSUER.public).licence_id, "revoked")

    with pytest.raises(AuthenticationError):
        opened(jws, shelf, **wrong, issuer_public=STRANGER.public, status=revoked)
    with pytest.raises(RevokedError):
        opened(jws, shelf, **wrong, status=revoked)
    with pytest.raises(OtherDeviceError):
        opened(jws, shelf, **wrong)
    with pytest.raises(OtherContentError):
        opened(jws, shelf, **(wrong | {"identity": DEVICE.public}))
    with pytest.raises(ExpiredError):
        opened(jws, shelf, sealing_key=OTHER_SEALING)
    with pytest.raises(RightAbsentError):
        opened(jws, shelf, sealing_key=OTHER_SEALING, now=NOW - 2 * HOUR)


# Issuing


def issue(shelf: Shelf, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "kid": "k",
        "licence_id": "1",
        "issuer_name": "shop",
        "device": DEVICE_KEYS,
        "subject": "buyer",
        "package_id": shelf.package_id,
        "manifest": shelf.manifest,
        "version": 1,
        "rights": Rights(play=True),
        "key": KEY,
        "now": NOW,
    }
    return issue_licence(**(arguments | changes))


def test_no_licence_is_issued_for_a_key_or_version_that_is_not_the_manifests(
    shelf: Shelf,
) -> None:
    with pytest.raises(KeyMismatchError):
        issue(shelf, key=OTHER_KEY)
    with pytest.raises(FormatError, match="version"):
        issue(shelf, version=2)
    with pytest.raises(ValueError, match="zone"):
        issue(shelf, now=NOW.replace(tzinfo=None))


def test_two_licences_share_no_wrapped_key(shelf: Shelf) -> None:
    one, two = claims_of(issue(shelf)), claims_of(issue(shelf))

    assert one.pop("wrapped_key") != two.pop("wrapped_key")
    assert one == two


def test_a_licence_for_a_new_sealing_key_of_the_device(shelf: Shelf) -> None:
    renewed = SealingKey.generate()
    keys = DeviceKeys(identity_public=DEVICE.public, sealing_public=renewed.public)

    jws = issue(shelf, device=keys)

    assert opened(jws, shelf, sealing_key=renewed).content_key == KEY
