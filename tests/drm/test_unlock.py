"""Unlock documents open nothing before the activation, and for nobody but their recipient."""

from __future__ import annotations

from typing import Any

import pytest

from drm.encoding import b64u, canonical_json, from_b64u, parse_object
from drm.errors import (
    AuthenticationError,
    DrmError,
    FormatError,
    KeyMismatchError,
    OtherContentError,
    OtherDeviceError,
    RightAbsentError,
    UnsupportedError,
)
from drm.keys import SealingKey
from drm.licence import DeviceKeys
from drm.rights import LeaseTerms, Rights
from drm.signed import sign
from drm.unlock import (
    ActivationSecret,
    OpenedUnlock,
    Unlock,
    UnlockGrant,
    open_unlock,
    read_activation,
    read_unlock,
    sign_unlock,
    write_activation,
)
from tests.drm.house import (
    DEVICE,
    DEVICE_KEYS,
    DEVICE_SEALING,
    ISSUER,
    NOW,
    OTHER_DEVICE,
    OTHER_KEY,
    OTHER_SEALING,
    PLAY,
    ROOT,
    STRANGER,
    Shelf,
    claims_of,
    seal,
)

SECRET = ActivationSecret(bytes(range(40, 72)))
OTHER_SECRET = ActivationSecret(bytes(range(41, 73)))


@pytest.fixture(scope="module")
def film() -> Shelf:
    return seal([b"a film"])


@pytest.fixture(scope="module")
def song() -> Shelf:
    return seal([b"a song"], key=OTHER_KEY)


def _grant(shelf: Shelf, rights: Rights = PLAY, title: str = "밤의 노래") -> UnlockGrant:
    return UnlockGrant(
        package_id=shelf.package_id,
        title=title,
        rights=rights,
        manifest=shelf.manifest,
        key=shelf.sealed.key,
    )


def _signed(*grants: UnlockGrant, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "kid": ISSUER.public.thumbprint,
        "document_id": "d1",
        "issuer_name": "거북 상점",
        "subject": "buyer-1",
        "recipient": DEVICE_KEYS,
        "grants": grants,
        "secret": SECRET,
        "now": NOW,
    }
    return sign_unlock(**(arguments | changes))


def _read(jws: str) -> Unlock:
    return read_unlock(jws, issuer_public=ISSUER.public)


def _opened(unlock: Unlock, shelf: Shelf, **changes: Any) -> OpenedUnlock:
    arguments: dict[str, Any] = {
        "package_id": shelf.package_id,
        "manifest": shelf.manifest,
        "identity": DEVICE.public,
        "sealing_key": DEVICE_SEALING,
        "secret": SECRET,
        "action": "play",
    }
    return open_unlock(unlock, **(arguments | changes))


@pytest.mark.parametrize("suite", ["X25519", "X-Wing"])
def test_each_purchase_opens_after_the_activation(film: Shelf, song: Shelf, suite: str) -> None:
    key = SealingKey(bytes(range(9, 41)), suite)
    recipient = DeviceKeys(identity_public=DEVICE.public, sealing_public=key.public)
    jws = _signed(_grant(film), _grant(song, Rights(play=True, save=True)), recipient=recipient)

    unlock = _read(jws)

    assert (unlock.recipient, unlock.commitment) == (DEVICE.public.thumbprint, SECRET.commitment)
    assert [grant.title for grant in unlock.grants] == ["밤의 노래", "밤의 노래"]
    assert _opened(unlock, film, sealing_key=key).content_key == film.sealed.key
    opened = _opened(unlock, song, sealing_key=key, action="save")
    assert (opened.content_key, opened.rights.save) == (song.sealed.key, True)


def test_a_document_without_purchases_is_one(film: Shelf) -> None:
    unlock = _read(_signed())

    assert unlock.grants == ()
    with pytest.raises(OtherContentError):
        _opened(unlock, film)


def test_another_secret_opens_nothing(film: Shelf) -> None:
    with pytest.raises(AuthenticationError, match="does not belong"):
        _opened(_read(_signed(_grant(film))), film, secret=OTHER_SECRET)


def test_the_commitment_alone_opens_nothing(film: Shelf) -> None:
    # What everybody knows before the activation is no key to anything.
    unlock = _read(_signed(_grant(film)))
    forged = _read(
        sign(
            {**unlock.claims, "commitment": b64u(OTHER_SECRET.commitment)},
            key=ISSUER,
            kind="geobuk-unlock+jws",
        )
    )

    with pytest.raises(KeyMismatchError):
        _opened(forged, film, secret=OTHER_SECRET)


def test_other_recipients_and_other_content_are_refused(film: Shelf, song: Shelf) -> None:
    unlock = _read(_signed(_grant(film)))

    with pytest.raises(OtherDeviceError):
        _opened(unlock, film, identity=OTHER_DEVICE.public)
    with pytest.raises(KeyMismatchError):
        _opened(unlock, film, sealing_key=OTHER_SEALING)
    with pytest.raises(UnsupportedError):
        _opened(unlock, film, sealing_key=SealingKey(bytes(32), "X-Wing"))
    with pytest.raises(OtherContentError):
        _opened(unlock, song)
    with pytest.raises(OtherContentError):
        _opened(unlock, film, manifest=song.manifest)
    with pytest.raises(RightAbsentError):
        _opened(unlock, film, action="save")


def test_no_key_moves_to_another_place(film: Shelf, song: Shelf) -> None:
    # Even an issuer who signs what it is given cannot widen what was sealed.
    claims = claims_of(_signed(_grant(film), _grant(song)))
    first, second = claims["grants"]
    changes: list[dict[str, Any]] = [
        {"grants": [second, first]},
        {"grants": [first, {**second, "rights": {"play": True, "save": True}}]},
        {"sub": "buyer-2"},
        {"id": "d2"},
    ]
    for change in changes:
        moved = _read(sign({**claims, **change}, key=ISSUER, kind="geobuk-unlock+jws"))
        with pytest.raises(KeyMismatchError):
            _opened(moved, film)


def test_what_ends_with_the_shop_is_never_written(film: Shelf, song: Shelf) -> None:
    rental = Rights(play=True, lease=LeaseTerms(duration=60))

    with pytest.raises(FormatError, match="for good"):
        _signed(_grant(film, rental))
    with pytest.raises(KeyMismatchError):
        _signed(UnlockGrant(
            package_id=film.package_id, title="", rights=PLAY, manifest=film.manifest,
            key=song.sealed.key,
        ))  # fmt: skip
    claims = claims_of(_signed(_grant(film)))
    claims["grants"][0]["rights"] = rental.to_claims()
    with pytest.raises(FormatError, match="lease"):
        _read(sign(claims, key=ISSUER, kind="geobuk-unlock+jws"))


def test_every_changed_byte_is_refused(film: Shelf) -> None:
    jws = _signed(_grant(film)).encode()

    for position in range(len(jws)):
        changed = bytearray(jws)
        changed[position] ^= 1
        with pytest.raises(DrmError):
            read_unlock(bytes(changed), issuer_public=ISSUER.public)
    with pytest.raises(AuthenticationError):
        read_unlock(jws, issuer_public=STRANGER.public)


@pytest.mark.parametrize("name", ["v", "id", "issuer", "iat", "sub", "device", "commitment", "grants", "wrapped_keys"])  # fmt: skip
def test_every_lost_claim_is_refused(film: Shelf, name: str) -> None:
    claims = claims_of(_signed(_grant(film)))
    del claims[name]

    with pytest.raises(FormatError):
        _read(sign(claims, key=ISSUER, kind="geobuk-unlock+jws"))


def test_a_critical_claim_that_is_not_known_is_refused(film: Shelf) -> None:
    claims = claims_of(_signed(_grant(film))) | {"crit": ["not_before"]}

    with pytest.raises(UnsupportedError):
        _read(sign(claims, key=ISSUER, kind="geobuk-unlock+jws"))


def test_an_activation_file_comes_back_whole() -> None:
    data = write_activation(SECRET, shop="거북 상점", root_public=ROOT.public)

    activation = read_activation(data)

    assert (activation.secret, activation.shop) == (SECRET, "거북 상점")
    assert activation.root_public == ROOT.public
    assert b64u(SECRET.to_bytes()) not in repr(activation) + repr(SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"v": 2},
        {"secret": b64u(OTHER_SECRET.to_bytes())},
        {"secret": "AA"},
        {"commitment": b64u(OTHER_SECRET.commitment)},
        {"root_key": ""},
        {"shop": 1},
    ],
)
def test_what_is_no_activation_is_refused(change: dict[str, Any]) -> None:
    whole = parse_object(write_activation(SECRET, shop="거북 상점", root_public=ROOT.public))

    with pytest.raises(DrmError):
        read_activation(canonical_json(whole | change))
    for data in (b"", b"[]", b"\xff", b" " * 70_000):
        with pytest.raises(FormatError):
            read_activation(data)


def test_the_commitment_is_the_secrets_alone() -> None:
    assert len(SECRET.commitment) == 32
    assert SECRET.commitment != OTHER_SECRET.commitment
    assert from_b64u(b64u(SECRET.commitment)) == SECRET.commitment
