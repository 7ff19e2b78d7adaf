"""Receipts: each document is its device's, stands at one place of its chain, and counts soundly."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from drm.encoding import b64u
from drm.errors import AuthenticationError, DrmError, FormatError, UnsupportedError
from drm.receipts import (
    MAX_COUNTS,
    Count,
    Link,
    Receipts,
    following,
    sign_receipts,
    verify_receipts,
)
from drm.signed import document_hash, sign
from tests.drm.house import DEVICE, NOW, STRANGER, claims_of

CHAIN = b64u(bytes(range(16)))
PACKAGE = "ab" * 32
LABEL = "aB3dE6gH9jK2mN5pQ8sT"


def document(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "identity": DEVICE,
        "chain": CHAIN,
        "head": None,
        "receipts": [Count(PACKAGE, LABEL, 1000)],
        "claims": [Count(PACKAGE, "z" * 20, 7)],
        "now": NOW,
    }
    return sign_receipts(**(arguments | changes))


def changed(**claims: Any) -> str:
    """Genuine, with other claims, also such as `sign_receipts` would never write."""
    return sign({**claims_of(document()), **claims}, key=DEVICE, kind="geobuk-receipts+jws")


def read(jws: str) -> Receipts:
    return verify_receipts(jws, identity_public=DEVICE.public)


def test_a_reader_gets_what_was_signed() -> None:
    jws = document()

    assert read(jws) == Receipts(
        device=DEVICE.public.thumbprint,
        link=Link(CHAIN, 1, document_hash(jws)),
        previous=None,
        issued_at=NOW,
        receipts=(Count(PACKAGE, LABEL, 1000),),
        claims=(Count(PACKAGE, "z" * 20, 7),),
    )


def test_each_document_names_the_one_before() -> None:
    first = read(document())
    second = read(document(head=first.link))
    third = read(document(head=second.link))
    other = read(document(head=first.link, claims=[]))

    assert (second.link.sequence, second.previous) == (2, first.link.hash)
    assert following(second, head=first.link)
    assert following(third, head=second.link)
    assert not following(third, head=first.link)
    assert not following(second, head=second.link)
    assert not following(third, head=other.link)
    assert not following(first, head=first.link)


def test_another_chain_is_not_continued() -> None:
    other = b64u(bytes(16))

    with pytest.raises(FormatError):
        document(head=Link(other, 1, b64u(bytes(32))))
    assert not following(
        read(document(chain=other, head=Link(other, 1, b64u(bytes(32))))),
        head=Link(CHAIN, 1, b64u(bytes(32))),
    )


def test_another_key_and_another_device_are_refused() -> None:
    with pytest.raises(AuthenticationError):
        verify_receipts(document(), identity_public=STRANGER.public)
    with pytest.raises(AuthenticationError, match="another device"):
        read(changed(device=STRANGER.public.thumbprint))
    with pytest.raises(AuthenticationError):
        read(sign(claims_of(document()), key=DEVICE, kind="geobuk-surrender+jws"))


@pytest.mark.parametrize(
    "claims",
    [
        {"seq": 0},
        {"seq": -1},
        {"seq": "1"},
        {"seq": 2},  # without a predecessor
        {"prev": b64u(bytes(32))},  # of the first
        {"seq": 2, "prev": b64u(bytes(31))},
        {"seq": 2, "prev": 7},
        {"chain": b64u(bytes(15))},
        {"chain": ""},
        {"iat": "now"},
        {"receipts": {}},
        {"receipts": [[PACKAGE, LABEL, 1]]},
        {"receipts": [{"package": PACKAGE, "label": LABEL}]},
        {"receipts": [{"package": PACKAGE.upper(), "label": LABEL, "bytes": 1}]},
        {"receipts": [{"package": "ab", "label": LABEL, "bytes": 1}]},
        {"receipts": [{"package": PACKAGE, "label": LABEL + "x", "bytes": 1}]},
        {"receipts": [{"package": PACKAGE, "label": "-" * 20, "bytes": 1}]},
        {"receipts": [{"package": PACKAGE, "label": "é" * 20, "bytes": 1}]},
        {"receipts": [{"package": PACKAGE, "label": LABEL + "\n", "bytes": 1}]},
        {"claims": [{"package": PACKAGE, "label": LABEL, "bytes": 0}]},
        {"claims": [{"package": PACKAGE, "label": LABEL, "bytes": -5}]},
        {"claims": [{"package": PACKAGE, "label": LABEL, "bytes": True}]},
        {"claims": [{"package": PACKAGE, "label": LABEL, "bytes": n} for n in (1, 2)]},
    ],
)
def test_what_is_no_document_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        read(changed(**claims))


def test_a_lost_predecessor_is_no_first_document() -> None:
    claims = claims_of(document())
    del claims["prev"]

    with pytest.raises(FormatError, match="prev"):
        read(sign(claims, key=DEVICE, kind="geobuk-receipts+jws"))


@pytest.mark.parametrize("claims", [{"v": 2}, {"crit": ["colour"]}])
def test_a_later_version_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError):
        read(changed(**claims))


def test_what_no_reader_takes_is_never_signed() -> None:
    too_many = [Count(PACKAGE, f"{n:020d}", 1) for n in range(MAX_COUNTS)]

    assert len(read(document(receipts=too_many, claims=[])).receipts) == MAX_COUNTS
    for wrong in (
        {"receipts": too_many},
        {"receipts": [Count(PACKAGE, LABEL, 0)]},
        {"claims": [Count(PACKAGE, LABEL, 2**53)]},
        {"claims": [Count(PACKAGE, LABEL, 1)] * 2},
        {"chain": "short"},
    ):
        with pytest.raises(FormatError):
            document(**wrong)


def test_no_flipped_byte_passes() -> None:
    jws = document()
    for place in range(len(jws)):
        flipped = chr(ord(jws[place]) ^ 1)
        with pytest.raises(DrmError):
            read(jws[:place] + flipped + jws[place + 1 :])


def test_the_largest_document_fits_what_the_shop_takes() -> None:
    counts = [Count(PACKAGE, f"{n:020d}", 2**53 - 1) for n in range(MAX_COUNTS)]

    assert len(document(receipts=counts, claims=[])) < 256 * 1024


def test_the_header_says_whose_it_is() -> None:
    header = json.loads(base64.urlsafe_b64decode(document().split(".")[0] + "=="))

    assert header == {
        "alg": "EdDSA",
        "kid": DEVICE.public.thumbprint,
        "typ": "geobuk-receipts+jws",
    }


def test_the_bytes_of_a_document_never_change() -> None:
    """A golden vector: whoever changes the format changes `v`, and adds another."""
    assert document_hash(document()) == "D3DMcDLBfcnFd-_zZ_INpBMYuiOK9Dewvf9cYVEniBA"
    assert (
        document_hash(document(head=Link(CHAIN, 1, b64u(bytes(32))), claims=[]))
        == "TU6xHTTUrZ24nJI12j1NXUszAT2kGMq8oMPQJOcs-Gc"
    )
