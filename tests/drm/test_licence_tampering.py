"""Licences: whatever is changed in one, it does not open."""

from __future__ import annotations

from typing import Any

import pytest

from drm.encoding import b64u
from drm.errors import (
    AuthenticationError,
    DrmError,
    FormatError,
    KeyMismatchError,
    UnsupportedError,
)
from drm.hpke import seal as seal_for
from drm.licence import INFO_LABEL
from drm.rights import Rights
from drm.signed import sign
from drm.wrapping import bound_info
from tests.drm.house import (
    DEVICE_SEALING,
    ISSUER,
    OTHER_KEY,
    Shelf,
    claims_of,
    licence_for,
    opened,
    signed_again,
)


def test_every_changed_byte_is_refused(shelf: Shelf, licence: str) -> None:
    raw = licence.encode()
    for position in range(len(raw)):
        for flip in (1, 4, 0x20):
            changed = bytearray(raw)
            changed[position] ^= flip
            with pytest.raises((AuthenticationError, FormatError)):
                opened(changed.decode(), shelf)


def test_a_cut_licence_is_refused(shelf: Shelf, licence: str) -> None:
    for length in range(0, len(licence), 7):
        with pytest.raises((AuthenticationError, FormatError)):
            opened(licence[:length], shelf)


def test_claims_of_one_and_signature_of_another_are_refused(shelf: Shelf, licence: str) -> None:
    other_licence = licence_for(shelf, rights=Rights(play=True, save=True))
    head, _, signature = licence.split(".")

    with pytest.raises(AuthenticationError):
        opened(f"{head}.{other_licence.split('.')[1]}.{signature}", shelf)


CHANGES: list[dict[str, Any]] = [
    {"id": "another"},
    {"issuer": "another"},
    {"iat": 1},
    {"nbf": 1},
    {"exp": 2**33},
    {"sub": "another"},
    {"rights": {"play": True, "save": True}},
    {"links": {}},
    {"remark": "added"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_the_wrapped_key_opens_under_its_own_claims_alone(
    shelf: Shelf, licence: str, change: dict[str, Any]
) -> None:
    # Even an issuer that signs carelessly cannot move a wrapped key to other claims.
    with pytest.raises(KeyMismatchError):
        opened(signed_again(claims_of(licence), **change), shelf)


def test_every_lost_or_renamed_claim_is_refused(shelf: Shelf, licence: str) -> None:
    claims = claims_of(licence)

    for name in claims:
        lost = {key: value for key, value in claims.items() if key != name}
        with pytest.raises(FormatError):
            opened(signed_again(lost), shelf)
        with pytest.raises(FormatError):
            opened(signed_again(lost | {f"{name}_": claims[name]}), shelf)


def test_every_claim_of_another_type_is_refused(shelf: Shelf, licence: str) -> None:
    claims = claims_of(licence)

    for name in claims:
        wrongs: list[object] = [True, -1, "", [], {}, [claims[name]]]
        for wrong in wrongs:
            if wrong == claims[name]:
                continue
            with pytest.raises(DrmError):
                opened(signed_again(claims, **{name: wrong}), shelf)


def test_parts_of_content_and_wrapped_key_are_required(shelf: Shelf, licence: str) -> None:
    claims = claims_of(licence)

    for outer in ("content", "wrapped_key"):
        for name in claims[outer]:
            lost = {key: value for key, value in claims[outer].items() if key != name}
            with pytest.raises(FormatError):
                opened(signed_again(claims, **{outer: lost}), shelf)


@pytest.mark.parametrize("change", [{"v": 2}, {"v": 0}, {"crit": ["lease"]}, {"crit": ["v", 1]}])
def test_a_newer_licence_is_refused(shelf: Shelf, licence: str, change: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError, match=r"(?i)update"):
        opened(signed_again(claims_of(licence), **change), shelf)


def test_an_unknown_suite_is_refused(shelf: Shelf, licence: str) -> None:
    claims = claims_of(licence)
    wrapped = claims["wrapped_key"] | {"suite": "X-Wing"}

    with pytest.raises(UnsupportedError, match="suite"):
        opened(signed_again(claims, wrapped_key=wrapped), shelf)


def test_a_key_that_the_manifest_does_not_commit_to_is_refused(shelf: Shelf) -> None:
    claims = claims_of(licence_for(shelf))
    del claims["wrapped_key"]
    enc, sealed = seal_for(
        OTHER_KEY.to_bytes(),
        recipient=DEVICE_SEALING.public,
        info=bound_info(claims, INFO_LABEL),
    )
    wrapped = {"suite": "X25519", "enc": b64u(enc), "ct": b64u(sealed)}

    with pytest.raises(KeyMismatchError, match="does not belong"):
        opened(signed_again(claims, wrapped_key=wrapped), shelf)


def test_other_documents_are_no_licences(shelf: Shelf, licence: str) -> None:
    claims = claims_of(licence)

    for kind in ("geobuk-status+jws", "geobuk-manifest+jws", "dpop+jwt", "JWT", ""):
        with pytest.raises(AuthenticationError):
            opened(sign(claims, key=ISSUER, kind=kind), shelf)
    with pytest.raises(AuthenticationError):
        opened(shelf.jws.decode(), shelf)
