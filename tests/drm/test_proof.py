"""Proofs of possession: for one request, one token and one minute."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from drm.encoding import b64u, from_b64u, parse_object
from drm.errors import AuthenticationError, FormatError, UnsupportedError
from drm.proof import PROOF_MAX_AGE, Proof, create_proof, verify_proof
from drm.signed import sign
from tests.drm.house import DEVICE, NOW, OTHER_DEVICE

URL = "https://shop.example/api/v1/library"


def proof(**changes: Any) -> str:
    arguments: dict[str, Any] = {"method": "GET", "url": URL, "now": NOW, "access_token": "token"}
    return create_proof(DEVICE, **(arguments | changes))


def check(jws: str, **changes: Any) -> Proof:
    arguments: dict[str, Any] = {"method": "GET", "url": URL, "now": NOW, "access_token": "token"}
    return verify_proof(jws, **(arguments | changes))


def test_a_proof_names_its_key_and_is_used_once() -> None:
    one, two = check(proof()), check(proof(nonce="server's nonce"))

    assert one.thumbprint == DEVICE.public.thumbprint
    assert one.identity_public == DEVICE.public
    assert one.issued_at == NOW
    assert one.jti != two.jti
    assert (one.nonce, two.nonce) == (None, "server's nonce")


def test_a_proof_has_the_shape_of_rfc_9449() -> None:
    header, payload, _ = (from_b64u(part) for part in proof().split("."))
    claims = parse_object(payload)

    assert parse_object(header) == {
        "alg": "EdDSA",
        "typ": "dpop+jwt",
        "jwk": DEVICE.public.jwk(),
    }
    assert claims["htm"] == "GET"
    assert claims["htu"] == URL
    assert claims["iat"] == int(NOW.timestamp())
    # RFC 9449, figure 12 uses the same construction: base64url(SHA-256(ASCII(token))).
    assert claims["ath"] == "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "POST"}, "method"),
        ({"url": URL + "/1"}, "address"),
        ({"url": "http://shop.example/api/v1/library"}, "address"),
        ({"url": "https://shop.example:8443/api/v1/library"}, "address"),
        ({"url": "https://shop.example/API/v1/library"}, "address"),
        ({"access_token": "another"}, "token"),
        ({"now": NOW + PROOF_MAX_AGE + timedelta(seconds=1)}, "too old"),
        ({"now": NOW - PROOF_MAX_AGE - timedelta(seconds=1)}, "too new"),
    ],
)
def test_a_proof_for_another_request_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(AuthenticationError, match=reason):
        check(proof(), **change)


def test_a_proof_without_a_token_is_refused_where_one_is_used() -> None:
    bare = proof(access_token=None)

    assert check(bare, access_token=None).thumbprint == DEVICE.public.thumbprint
    with pytest.raises(AuthenticationError, match="token"):
        check(bare)


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://Shop.Example/api/v1/library",
        "https://shop.example:443/api/v1/library",
        "https://shop.example/api/v1/library?page=2",
        "https://shop.example/api/v1/library#top",
    ],
)
def test_spellings_of_one_address_are_one(url: str) -> None:
    check(proof(url=url))
    check(proof(), url=url)


@pytest.mark.parametrize(
    "url", ["http://[::1]:8000/a", "http://127.0.0.1:8000", "http://localhost?x=http://b/c"]
)
def test_addresses_of_the_loopback_work(url: str) -> None:
    check(proof(url=url), url=url)


@pytest.mark.parametrize(
    "url", ["", "/path", "ftp://x/", "ws://x/ws", "https://", "https://u@x/", "https://x:port/"]
)
def test_what_is_no_http_address_is_refused(url: str) -> None:
    with pytest.raises(FormatError, match="address"):
        proof(url=url)


def test_every_changed_byte_of_a_proof_is_refused() -> None:
    raw = proof().encode()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        with pytest.raises((AuthenticationError, FormatError)):
            check(changed.decode())


def test_a_proof_is_signed_by_the_key_it_shows() -> None:
    claims = parse_object(from_b64u(proof().split(".")[1]))

    impostor = sign(claims, key=OTHER_DEVICE, kind="dpop+jwt", header={"jwk": DEVICE.public.jwk()})
    with pytest.raises(AuthenticationError):
        check(impostor)
    with pytest.raises(FormatError):
        check(sign(claims, key=DEVICE, kind="dpop+jwt"))
    with pytest.raises(UnsupportedError):
        check(
            sign(
                claims, key=DEVICE, kind="dpop+jwt", header={"jwk": DEVICE.public.jwk(), "kid": "1"}
            )
        )


@pytest.mark.parametrize("name", ["htm", "htu", "iat", "jti"])
def test_every_claim_is_required(name: str) -> None:
    claims = parse_object(from_b64u(proof().split(".")[1]))
    del claims[name]

    with pytest.raises(FormatError):
        check(sign(claims, key=DEVICE, kind="dpop+jwt", header={"jwk": DEVICE.public.jwk()}))


@pytest.mark.parametrize("jti", ["", "short", "x" * 129, 5])
def test_an_id_that_cannot_be_remembered_is_refused(jti: object) -> None:
    claims = parse_object(from_b64u(proof().split(".")[1])) | {"jti": jti}

    with pytest.raises(FormatError):
        check(sign(claims, key=DEVICE, kind="dpop+jwt", header={"jwk": DEVICE.public.jwk()}))


def test_the_token_hash_covers_the_whole_token() -> None:
    assert b64u(b"") == ""
    with pytest.raises(AuthenticationError):
        check(proof(access_token="token"), access_token="tokenX")
