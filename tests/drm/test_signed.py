"""Signed documents: one algorithm, one key, one spelling."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from drm.encoding import b64u, canonical_json, from_b64u
from drm.errors import AuthenticationError, DrmError, FormatError, UnsupportedError
from drm.signed import key_hint, sign, verify, verify_own_key
from tests.drm.house import ISSUER, STRANGER

KIND = "geobuk-test+jws"
CLAIMS = {"v": 1, "name": "거북"}


def forge(
    header: dict[str, Any], *, key: Any = ISSUER, payload: bytes = canonical_json(CLAIMS)
) -> str:
    """Sign whatever header by Ed25519, as somebody without our code would."""
    signed = f"{b64u(json.dumps(header).encode())}.{b64u(payload)}"
    return f"{signed}.{b64u(key.sign(signed.encode()))}"


def test_a_document_comes_back_over_its_exact_bytes() -> None:
    token = sign(CLAIMS, key=ISSUER, kind=KIND, header={"kid": "k1"})

    header, payload, signature = token.split(".")
    assert json.loads(from_b64u(header)) == {"alg": "EdDSA", "typ": KIND, "kid": "k1"}
    assert from_b64u(payload) == canonical_json(CLAIMS)
    ISSUER.public.verify(from_b64u(signature), f"{header}.{payload}".encode())
    assert verify(token, public=ISSUER.public, kind=KIND) == CLAIMS
    assert verify(token.encode(), public=ISSUER.public, kind=KIND) == CLAIMS
    assert key_hint(token) == "k1"


def test_bytes_that_were_not_canonical_are_taken_as_they_were_signed() -> None:
    token = forge({"alg": "EdDSA", "typ": KIND}, payload=b'{ "b" : 1,\n"a":2 }')

    assert verify(token, public=ISSUER.public, kind=KIND) == {"b": 1, "a": 2}


def test_another_signer_or_kind_is_refused() -> None:
    token = sign(CLAIMS, key=ISSUER, kind=KIND)

    with pytest.raises(AuthenticationError):
        verify(token, public=STRANGER.public, kind=KIND)
    with pytest.raises(AuthenticationError, match="kind"):
        verify(token, public=ISSUER.public, kind="geobuk-licence+jws")


def test_the_algorithm_is_never_the_headers() -> None:
    public = ISSUER.public
    # "none": the trick of CVE-2015-9235.
    nothing = canonical_json({"alg": "none", "typ": KIND})
    bare = f"{b64u(nothing)}.{b64u(canonical_json(CLAIMS))}."
    # HMAC under the public key: the trick of CVE-2016-5431.
    mac = jws.serialize_compact(
        {"alg": "HS256", "typ": KIND},
        canonical_json(CLAIMS),
        OctKey.import_key(public.to_bytes()),
        algorithms=["HS256"],
    )

    for token in (bare, mac, forge({"alg": "Ed25519", "typ": KIND}), forge({"typ": KIND})):
        with pytest.raises(AuthenticationError):
            verify(token, public=public, kind=KIND)


def test_a_key_in_the_header_is_refused() -> None:
    jwk = STRANGER.public.jwk()
    for extra in ({"jwk": jwk}, {"jku": "https://evil.example/keys"}, {"x5c": ["AA"]}):
        with pytest.raises(UnsupportedError):
            verify(
                forge({"alg": "EdDSA", "typ": KIND, **extra}, key=STRANGER),
                public=ISSUER.public,
                kind=KIND,
            )


@pytest.mark.parametrize("extra", [{"crit": ["exp"], "exp": 1}, {"b64": False}, {"zip": "DEF"}])
def test_an_unknown_header_member_is_refused_though_signed(extra: dict[str, Any]) -> None:
    token = forge({"alg": "EdDSA", "typ": KIND, **extra})

    with pytest.raises(UnsupportedError):
        verify(token, public=ISSUER.public, kind=KIND)


def test_an_own_key_proves_possession_alone() -> None:
    token = sign(CLAIMS, key=STRANGER, kind=KIND, header={"jwk": STRANGER.public.jwk()})

    assert verify_own_key(token, kind=KIND) == (STRANGER.public, CLAIMS)
    stolen = forge({"alg": "EdDSA", "typ": KIND, "jwk": ISSUER.public.jwk()}, key=STRANGER)
    with pytest.raises(AuthenticationError):
        verify_own_key(stolen, kind=KIND)
    private = forge({"alg": "EdDSA", "typ": KIND, "jwk": ISSUER.public.jwk() | {"d": "AA"}})
    with pytest.raises(FormatError, match="private"):
        verify_own_key(private, kind=KIND)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "AAAA.AAAA.AAAA",
        "e30.e30.",
        "e30=.e30.AA",
        "W10.e30.AA",
        "거북.e30.AA",
        b"\xff.e30.AA",
        "e30.e30.AA.AA",
        "A" * (16 * 2**20 + 1),
        b64u(b'{"alg":"EdDSA","x":"' + b"x" * 1100 + b'"}') + ".e30.AA",
    ],
)
def test_what_is_no_document_is_refused(token: str | bytes) -> None:
    with pytest.raises(DrmError):
        verify(token, public=ISSUER.public, kind=KIND)
    with pytest.raises(FormatError):
        key_hint(token)


def test_stray_bits_in_the_signature_are_refused() -> None:
    # 64 bytes leave four bits of the last character free: a second spelling of the same
    # document would be a second name for the same package.
    token = sign(CLAIMS, key=ISSUER, kind=KIND)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    for last in alphabet.replace(token[-1], ""):
        with pytest.raises(DrmError):
            verify(token[:-1] + last, public=ISSUER.public, kind=KIND)


def test_the_signature_is_what_joserfc_itself_makes() -> None:
    token = sign(CLAIMS, key=ISSUER, kind=KIND)

    with pytest.warns(match="RFC 9864"):
        seen = jws.deserialize_compact(
            token, OKPKey.import_key({**ISSUER.public.jwk()}), algorithms=["EdDSA"]
        )
    assert seen.payload == canonical_json(CLAIMS)
