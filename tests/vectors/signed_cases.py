"""One fault each in the JWS, the JSON and the version of a document (format, sections 1 and 3).

The document is a status, as it is short; every other kind goes through the same reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drm.encoding import b64u, canonical_json, from_b64u
from tests.drm.house import DEVICE, ISSUER, STRANGER
from tests.vectors.tools import (
    Case,
    Row,
    base,
    claims_in,
    document,
    flipped,
    signed_by_secret,
    with_second_signature,
    without,
)

KIND = "geobuk-status+jws"


def _row(name: str, outcome: str, jws: str) -> Row:
    return name, outcome, {"jws": jws}


def forms() -> Iterator[Row]:
    """Faults of spelling and of the signature."""
    good = base("status-revoked")["jws"]
    head, body, signature = good.split(".")
    raw = from_b64u(signature)
    lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = signature[:-1] + lower[lower.index(signature[-1]) + 1]
    yield _row("empty-text", "bad_format", "")
    yield _row("two-parts", "bad_format", f"{head}.{body}")
    yield _row("four-parts", "bad_format", f"{good}.")
    yield _row("padded-signature", "bad_format", f"{good}==")
    yield _row("stray-bits-in-signature", "bad_format", f"{head}.{body}.{stray}")
    yield _row("line-break-at-the-end", "bad_format", f"{good}\n")
    yield _row("foreign-alphabet", "bad_format", f"{head}.{body}.{'+' + signature[1:]}")
    yield _row("no-signature", "bad_signature", f"{head}.{body}.")
    yield _row("short-signature", "bad_signature", f"{head}.{body}.{b64u(raw[:63])}")
    yield _row("long-signature", "bad_signature", f"{head}.{body}.{b64u(raw + bytes(1))}")
    yield _row("changed-r", "bad_signature", f"{head}.{body}.{b64u(flipped(raw, 0))}")
    yield _row("changed-s", "bad_signature", f"{head}.{body}.{b64u(flipped(raw, 40))}")
    yield _row("second-spelling-of-s", "bad_signature", with_second_signature(good))
    other = canonical_json(claims_in(good) | {"status": "active"})
    yield _row("changed-claims", "bad_signature", f"{head}.{b64u(other)}.{signature}")
    yield _row("other-signer", "bad_signature", document(claims_in(good), KIND, key=STRANGER))


def headers() -> Iterator[Row]:
    """Faults of the header."""
    claims = claims_in(base("status-revoked")["jws"])
    usual = {"alg": "EdDSA", "typ": KIND, "kid": ISSUER.public.thumbprint}
    faults: list[tuple[str, str, dict[str, Any] | bytes]] = [
        ("algorithm-none", "bad_signature", usual | {"alg": "none"}),
        ("algorithm-by-another-name", "bad_signature", usual | {"alg": "Ed25519"}),
        ("algorithm-in-small-letters", "bad_signature", usual | {"alg": "eddsa"}),
        ("no-algorithm", "bad_signature", without(usual, "alg")),
        ("other-kind", "bad_signature", usual | {"typ": "geobuk-licence+jws"}),
        ("kind-of-general-tokens", "bad_signature", usual | {"typ": "JWT"}),
        ("no-kind", "bad_signature", without(usual, "typ")),
        ("hint-is-a-number", "bad_signature", usual | {"kid": 5}),
        ("header-with-crit", "unsupported", usual | {"crit": ["b64"]}),
        ("header-with-b64", "unsupported", usual | {"b64": False}),
        ("header-with-key", "unsupported", usual | {"jwk": ISSUER.public.jwk()}),
        ("header-with-address", "unsupported", usual | {"jku": "https://shop.example/keys"}),
        ("header-too-large", "bad_format", usual | {"kid": "x" * 1024}),
        ("header-says-it-twice", "bad_format", canonical_json(usual)[:-1] + b',"alg":"EdDSA"}'),
        ("header-is-a-list", "bad_format", b'["EdDSA"]'),
        ("header-is-no-json", "bad_format", b"EdDSA"),
    ]
    for name, outcome, header in faults:
        yield _row(name, outcome, document(claims, KIND, header=header))
    secret = ISSUER.public.to_bytes()
    yield _row("public-key-as-secret", "bad_signature", signed_by_secret(claims, KIND, secret))


def texts() -> Iterator[Row]:
    """Signed bytes that are no JSON of this format."""
    claims = claims_in(base("status-revoked")["jws"])
    good = canonical_json(claims)
    more = good[:-1]
    faults: list[tuple[str, bytes]] = [
        ("says-it-twice", more + b',"v":1}'),
        ("says-it-twice-by-an-escape", more + b',"\\u0076":1}'),
        ("says-it-twice-inside", more + b',"x":{"a":1,"a":2}}'),
        ("fraction", more + b',"x":1.5}'),
        ("fraction-of-nothing", more + b',"x":1.0}'),
        ("exponent", more + b',"x":1e3}'),
        ("not-a-number", more + b',"x":NaN}'),
        ("infinity", more + b',"x":-Infinity}'),
        ("number-too-large", more + b',"x":9007199254740992}'),
        ("number-too-small", more + b',"x":-9007199254740992}'),
        ("number-with-zeros-before", more + b',"x":01}'),
        ("half-a-character", more + b',"x":"\\ud800"}'),
        ("half-a-character-inside", more + b',"x":[{"y":"a\\udc00"}]}'),
        ("no-utf-8", more + b',"x":"\xff"}'),
        ("line-break-in-a-text", more + b',"x":"a\nb"}'),
        ("member-name-beyond-ascii", more + ',"é":1}'.encode()),
        ("comma-at-the-end", more + b",}"),
        ("two-documents", good + good),
        ("byte-order-mark", b"\xef\xbb\xbf" + good),
        ("list", b"[" + good + b"]"),
        ("null", b"null"),
        ("no-bytes", b""),
    ]
    for name, text in faults:
        yield _row(f"text-{name}", "bad_format", document(text, KIND))


def versions() -> Iterator[Row]:
    """Versions, critical members, and the claims of a status."""
    claims = claims_in(base("status-revoked")["jws"])
    faults: list[tuple[str, str, dict[str, Any]]] = [
        ("version-missing", "bad_format", without(claims, "v")),
        ("version-0", "unsupported", claims | {"v": 0}),
        ("version-2", "unsupported", claims | {"v": 2}),
        ("version-as-text", "bad_format", claims | {"v": "1"}),
        ("version-true", "bad_format", claims | {"v": True}),
        ("critical-unknown", "unsupported", claims | {"crit": ["moon"], "moon": True}),
        ("critical-known-and-unknown", "unsupported", claims | {"crit": ["id", "moon"]}),
        ("critical-number", "unsupported", claims | {"crit": [1]}),
        ("critical-no-list", "bad_format", claims | {"crit": "id"}),
        ("critical-null", "bad_format", claims | {"crit": None}),
        ("other-licence", "bad_signature", claims | {"id": "licence 2"}),
        ("unknown-word", "bad_format", claims | {"status": "paused"}),
        ("word-in-capitals", "bad_format", claims | {"status": "Active"}),
        ("updated-as-text", "bad_format", claims | {"updated": "1795604400"}),
        ("iat-true", "bad_format", claims | {"iat": True}),
    ]
    faults += [
        (f"without-{name}", "bad_format", without(claims, name))
        for name in ("id", "status", "message", "updated", "iat", "nonce")
    ]
    faults += [
        ("sequence-as-text", "bad_format", claims | {"sequence": "7"}),
        ("sequence-true", "bad_format", claims | {"sequence": True}),
        ("sequence-null", "bad_format", claims | {"sequence": None}),
        ("sequence-below-zero", "bad_format", claims | {"sequence": -1}),
        ("reason-is-a-number", "bad_format", claims | {"reason": 1}),
        ("time-after-the-year-9999", "bad_format", claims | {"updated": 253402300800}),
        ("time-before-the-year-1", "bad_format", claims | {"updated": -62135596801}),
    ]
    for name, outcome, changed in faults:
        yield _row(name, outcome, document(changed, KIND))
    unknown = claims | {"moon": {"full": [1, None]}}
    yield "unknown-member", "ok", {"jws": document(unknown, KIND)}
    critical = claims | {"crit": [*claims, "sequence", "reason"]}
    yield "every-claim-critical", "ok", {"jws": document(critical, KIND)}
    yield "no-hint", "ok", {"jws": document(claims, KIND, header={"alg": "EdDSA", "typ": KIND})}
    for word in ("ready", "active", "returned", "cancelled", "expired"):
        yield f"word-{word}", "ok", _said(claims | {"status": word})
    numbered = claims | {"sequence": 7, "reason": "refund"}
    yield "sequence-and-reason", "ok", _said(numbered)
    yield "sequence-as-high-as-seen", "ok", _said(numbered) | {"lowest_sequence": 7}
    yield "sequence-lower-than-seen", "bad_signature", _said(numbered) | {"lowest_sequence": 8}
    lost = _said(claims) | {"lowest_sequence": 1}
    yield "sequence-lost", "bad_signature", lost
    yield "reason-of-a-later-version", "ok", _said(claims | {"reason": "moon"})
    device = claims | {"id": f"device:{DEVICE.public.thumbprint}", "reason": "device_removed"}
    yield "on-a-device", "ok", _said(device) | {"licence_id": device["id"]}
    short = claims | {"nonce": "0123456789abcde"}
    yield (
        "question-too-short",
        "bad_format",
        {"jws": document(short, KIND), "nonce": "0123456789abcde"},
    )


def _said(claims: Case) -> Case:
    more = {"sequence": claims.get("sequence", 0), "reason": claims.get("reason", "")}
    return {"jws": document(claims, KIND), "status": claims["status"]} | more


def statuses() -> Iterator[Row]:
    """All cases of a status."""
    for cases in (forms(), headers(), texts(), versions()):
        yield from cases


def proofs() -> Iterator[Row]:
    """Faults of a proof of possession (section 2.5)."""
    case = base("proof")
    claims = claims_in(case["jws"])
    kind = "dpop+jwt"
    usual = {"alg": "EdDSA", "typ": kind, "jwk": DEVICE.public.jwk()}
    made = document(claims, kind, key=DEVICE, header=usual)
    yield "good", "ok", {"jws": made}
    yield "last-second", "ok", {"jws": made, "now": case["now"] + 60}
    yield "same-address", "ok", {"jws": made, "url": "HTTPS://Shop.Example:443/api/v1/me?a=1#b"}
    yield "too-new", "bad_signature", {"jws": made, "now": case["now"] - 61}
    yield "other-method", "bad_signature", {"jws": made, "method": "POST"}
    yield "other-token", "bad_signature", {"jws": made, "access_token": "another"}
    for name, url in {
        "other-path": "https://shop.example/api/v1/you",
        "other-host": "https://shop.example.net/api/v1/me",
        "other-port": "https://shop.example:8443/api/v1/me",
        "other-scheme": "http://shop.example/api/v1/me",
    }.items():
        yield name, "bad_signature", {"jws": made, "url": url}
    header_faults: list[tuple[str, str, dict[str, Any]]] = [
        ("no-key", "bad_format", without(usual, "jwk")),
        ("key-of-another", "bad_signature", usual | {"jwk": STRANGER.public.jwk()}),
        ("private-key", "bad_format", usual | {"jwk": DEVICE.public.jwk() | {"d": "AA"}}),
        (
            "key-of-another-curve",
            "bad_format",
            usual | {"jwk": DEVICE.public.jwk() | {"crv": "X25519"}},
        ),
        ("short-key", "bad_format", usual | {"jwk": DEVICE.public.jwk() | {"x": b64u(bytes(31))}}),
        ("key-and-kid", "unsupported", usual | {"kid": DEVICE.public.thumbprint}),
        ("algorithm-none", "bad_signature", usual | {"alg": "none"}),
        ("other-kind", "bad_signature", usual | {"typ": "JWT"}),
    ]
    for name, outcome, header in header_faults:
        yield name, outcome, {"jws": document(claims, kind, key=DEVICE, header=header)}
    claim_faults: list[tuple[str, str, dict[str, Any]]] = [
        ("method-in-small-letters", "bad_signature", claims | {"htm": "get"}),
        ("no-token-hash", "bad_signature", without(claims, "ath")),
        ("no-web-address", "bad_format", claims | {"htu": "ftp://shop.example/api/v1/me"}),
        ("short-jti", "bad_format", claims | {"jti": "1234567"}),
        ("long-jti", "bad_format", claims | {"jti": "1" * 129}),
    ]
    claim_faults += [
        (f"without-{name}", "bad_format", without(claims, name))
        for name in ("htm", "htu", "iat", "jti")
    ]
    for name, outcome, changed in claim_faults:
        yield name, outcome, {"jws": document(changed, kind, key=DEVICE, header=usual)}
