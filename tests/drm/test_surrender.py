"""Surrenders and the requests for them: each is its signer's, and about one licence alone."""

from __future__ import annotations

from typing import Any

import pytest

from drm.errors import AuthenticationError, FormatError, UnsupportedError
from drm.keys import IdentityKey
from drm.signed import document_hash, sign
from drm.surrender import (
    HANDOVERS,
    Surrender,
    SurrenderRequest,
    sign_surrender,
    sign_surrender_request,
    verify_surrender,
    verify_surrender_request,
)
from tests.drm.house import (
    DEVICE,
    HOUR,
    ISSUER,
    NOW,
    OTHER_DEVICE,
    STRANGER,
    Shelf,
    claims_of,
    licence_for,
)

NONCE = "nonce-of-the-question"
LICENCE = "11111111-2222-3333-4444-555555555555"
HANDOVER = "99999999-8888-7777-6666-555555555555"
HASH = "A" * 43


def word(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "identity": DEVICE,
        "licence_id": LICENCE,
        "licence_hash": HASH,
        "handover_id": HANDOVER,
        "now": NOW,
    }
    return sign_surrender(**(arguments | changes))


def request(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "kid": ISSUER.public.thumbprint,
        "handover_id": HANDOVER,
        "kind": "transfer",
        "package_id": "ab" * 32,
        "licence_id": LICENCE,
        "licence_hash": HASH,
        "device": DEVICE.public.thumbprint,
        "now": NOW,
        "nonce": NONCE,
    }
    return sign_surrender_request(**(arguments | changes))


def read_request(jws: str, **changes: Any) -> SurrenderRequest:
    arguments: dict[str, Any] = {
        "issuer_public": ISSUER.public,
        "device": DEVICE.public.thumbprint,
        "nonce": NONCE,
    }
    return verify_surrender_request(jws, **(arguments | changes))


def test_a_surrender_says_what_was_signed(shelf: Shelf) -> None:
    named = document_hash(licence_for(shelf))

    surrender = verify_surrender(word(licence_hash=named), identity_public=DEVICE.public)

    assert surrender == Surrender(
        handover_id=HANDOVER,
        licence_id=LICENCE,
        licence_hash=named,
        device=DEVICE.public.thumbprint,
        issued_at=NOW,
    )


@pytest.mark.parametrize("kind", sorted(HANDOVERS))
def test_a_request_says_what_was_signed(kind: str) -> None:
    asked = read_request(request(kind=kind))

    assert (asked.kind, asked.package_id, asked.licence_id) == (kind, "ab" * 32, LICENCE)
    assert (asked.handover_id, asked.licence_hash, asked.issued_at) == (HANDOVER, HASH, NOW)


def test_every_changed_byte_is_refused() -> None:
    for jws, read in (
        (word(), lambda text: verify_surrender(text, identity_public=DEVICE.public)),
        (request(), read_request),
    ):
        raw = jws.encode()
        for position in range(len(raw)):
            for flip in (1, 4, 0x20):
                changed = bytearray(raw)
                changed[position] ^= flip
                with pytest.raises((AuthenticationError, FormatError)):
                    read(changed.decode())


@pytest.mark.parametrize("identity", [OTHER_DEVICE, ISSUER, STRANGER])
def test_only_the_device_itself_gives_a_licence_back(identity: IdentityKey) -> None:
    with pytest.raises(AuthenticationError):
        verify_surrender(word(identity=identity), identity_public=DEVICE.public)
    forged = sign(
        claims_of(word()), key=identity, kind="geobuk-surrender+jws"
    )  # it names the device, and is not signed by it
    with pytest.raises(AuthenticationError):
        verify_surrender(forged, identity_public=DEVICE.public)
    with pytest.raises(AuthenticationError):
        verify_surrender(forged, identity_public=identity.public)


def test_a_device_is_asked_by_the_shop_alone_and_at_its_own_question() -> None:
    for wrong in (
        {"issuer_public": STRANGER.public},
        {"device": OTHER_DEVICE.public.thumbprint},
        {"nonce": "nonce-of-another-question"},
    ):
        with pytest.raises(AuthenticationError):
            read_request(request(), **wrong)
    with pytest.raises(AuthenticationError):
        read_request(word(identity=ISSUER))
    with pytest.raises(AuthenticationError):
        verify_surrender(request(issuer=DEVICE), identity_public=DEVICE.public)


def test_lost_and_malformed_claims_are_refused() -> None:
    for jws, kind, key in (
        (word(), "geobuk-surrender+jws", DEVICE),
        (request(), "geobuk-surrender-request+jws", ISSUER),
    ):
        claims = claims_of(jws)

        def read(text: str, *, asked: bool = key is ISSUER) -> Surrender:
            if asked:
                return read_request(text)
            return verify_surrender(text, identity_public=DEVICE.public)

        for name in claims:
            lost = {key: value for key, value in claims.items() if key != name}
            with pytest.raises(FormatError):
                read(sign(lost, key=key, kind=kind))
            with pytest.raises((FormatError, UnsupportedError)):
                read(sign(claims | {name: True}, key=key, kind=kind))
        for newer in ({"v": 2}, {"crit": ["place"]}):
            with pytest.raises(UnsupportedError):
                read(sign(claims | newer, key=key, kind=kind))
        assert read(sign(claims | {"later": 1}, key=key, kind=kind)).licence_id == LICENCE


def test_nothing_is_signed_that_would_not_be_read() -> None:
    for wrong in ({"kind": "theft"}, {"nonce": "short"}):
        with pytest.raises(FormatError):
            request(**wrong)
    unknown = sign(
        claims_of(request()) | {"kind": "theft"}, key=ISSUER, kind="geobuk-surrender-request+jws"
    )
    with pytest.raises(FormatError, match="unknown"):
        read_request(unknown)
    assert read_request(request(now=NOW + HOUR)).issued_at == NOW + HOUR
