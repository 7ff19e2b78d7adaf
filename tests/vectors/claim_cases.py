"""One fault each in manifests, licences, certificates, keys and streams (sections 2, 4 to 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.encoding import b64u, canonical_json, from_b64u
from drm.manifest import DETAILS_INDEX, associated_data
from tests.drm.house import DEVICE, DEVICE_SEALING, ISSUER, KEY, NOW, ROOT, STRANGER
from tests.vectors.tools import (
    Row,
    base,
    claims_in,
    document,
    flipped,
    sealed,
    without,
    wrapped,
)

Claims = dict[str, Any]
SMALL_ORDER = (1).to_bytes(32, "little")


def manifests() -> Iterator[Row]:
    """Faults of a manifest and of its list of names (section 5)."""
    claims = claims_in(base("manifest")["manifest"])
    first, second = claims["files"]
    faults: list[tuple[str, Claims]] = [
        (f"without-{name}", without(claims, name)) for name in claims if name != "v"
    ]
    faults += [
        ("seal-id-in-capitals", claims | {"seal_id": "A" * 32}),
        ("seal-id-too-short", claims | {"seal_id": "00" * 15}),
        ("version-of-listing-0", claims | {"version": 0}),
        ("version-of-listing-too-large", claims | {"version": 2**31}),
        ("pieces-too-small", claims | {"piece_length": 32768}),
        ("pieces-too-large", claims | {"piece_length": 2**28}),
        ("pieces-no-power-of-two", claims | {"piece_length": 98304}),
        ("other-segments", claims | {"segment_size": 32768}),
        ("no-files", claims | {"files": []}),
        ("file-is-a-number", claims | {"files": [first, 1]}),
        ("file-without-size", claims | {"files": [first, without(second, "size")]}),
        ("file-without-root", claims | {"files": [first, without(second, "root")]}),
        ("file-too-short", claims | {"files": [first, second | {"size": 55}]}),
        ("file-of-no-size-of-a-stream", claims | {"files": [first, second | {"size": 65537}]}),
        ("file-of-negative-size", claims | {"files": [first, second | {"size": -1}]}),
        ("short-root", claims | {"files": [first, second | {"root": b64u(bytes(31))}]}),
        ("padded-root", claims | {"files": [first, second | {"root": second["root"] + "="}]}),
        ("short-commitment", claims | {"key_commitment": b64u(bytes(31))}),
        ("details-too-short", claims | {"details": b64u(bytes(55))}),
    ]
    for name, changed in faults:
        yield name, "bad_format", {"manifest": document(changed, "geobuk-manifest+jws")}
    critical = document(claims | {"crit": ["moon"]}, "geobuk-manifest+jws")
    yield "critical-unknown", "unsupported", {"manifest": critical}
    # Its id changes with it, so it is refused for another reason than its condition.
    known = document(claims | {"crit": list(claims), "files": []}, "geobuk-manifest+jws")
    yield "every-claim-critical-and-no-files", "bad_format", {"manifest": known}
    for name, outcome, details in _details(claims):
        changed = claims | {"details": b64u(details)}
        yield name, outcome, {"manifest": document(changed, "geobuk-manifest+jws")}


def _details(claims: Claims) -> Iterator[tuple[str, str, bytes]]:
    entries = [
        {"name": name, "media_type": media_type, "size": size}
        for name, media_type, size in base("manifest")["entries"]
    ]
    seal_id = claims["seal_id"]

    def made(files: list[Any], **more: Any) -> bytes:
        text = canonical_json({"v": 1, "files": files} | more)
        return sealed(text, seal_id=seal_id, index=DETAILS_INDEX)

    names = {
        "empty": "",
        "dot": ".",
        "two-dots": "..",
        "path": "a/b",
        "backslash": "a\\b",
        "control-character": "a\x00b",
        "line-separator": "a\u2028b",
        "turned-direction": "exe.\u202egpj",
        "too-long": "x" * 1025,
        "too-long-in-bytes": "거" * 342,
    }
    for name, value in names.items():
        yield f"name-{name}", "bad_format", made([entries[0], entries[1] | {"name": value}])
    types = {"too-long": "x" * 256, "beyond-ascii": "텍스트", "control-character": "a\tb"}
    for name, value in types.items():
        yield f"type-{name}", "bad_format", made([entries[0], entries[1] | {"media_type": value}])
    yield "name-of-a-file-missing", "bad_signature", made(entries[:1])
    yield "one-name-too-many", "bad_signature", made([*entries, entries[0]])
    yield "names-in-another-order", "bad_signature", made(entries[::-1])
    yield "names-of-version-2", "unsupported", made(entries, v=2)
    yield "names-with-critical-member", "unsupported", made(entries, crit=["moon"])
    text = canonical_json({"v": 1, "files": entries})
    twice = text[:-1] + b',"v":1}'
    yield "names-said-twice", "bad_format", sealed(twice, seal_id=seal_id, index=DETAILS_INDEX)
    yield "names-as-file-0", "bad_signature", sealed(text, seal_id=seal_id, index=0)
    whole = made(entries)
    yield "names-changed", "bad_signature", flipped(whole, len(whole) - 1)


def _licence(claims: Claims, *, change: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    whole = claims | {"wrapped_key": wrapped(claims, **how) | (change or {})}
    return {"licence": document(whole, "geobuk-licence+jws")}


def licences() -> Iterator[Row]:
    """Faults of a licence (section 6)."""
    whole = claims_in(base("licence")["licence"])
    claims = without(whole, "wrapped_key")
    content, rights = claims["content"], claims["rights"]
    malformed: list[tuple[str, Claims]] = [
        (f"without-{name}", without(claims, name)) for name in claims if name != "v"
    ]
    malformed += [
        ("begins-as-text", claims | {"nbf": "0"}),
        ("ends-true", claims | {"exp": True}),
        ("device-beyond-ascii", claims | {"device": "거북"}),
        ("link-is-a-number", claims | {"links": {"status": 1}}),
        ("right-is-a-text", claims | {"rights": rights | {"play": "yes"}}),
        ("right-is-a-number", claims | {"rights": rights | {"play": 1}}),
        ("content-is-a-text", claims | {"content": content["package"]}),
    ]
    malformed += [
        (f"content-without-{name}", claims | {"content": without(content, name)})
        for name in content
    ]
    for name, changed in malformed:
        yield name, "bad_format", _licence(changed)
    refused: list[tuple[str, str, Claims]] = [
        ("other-version", "other_content", claims | {"content": content | {"version": 2}}),
        (
            "other-commitment",
            "other_content",
            claims | {"content": content | {"key_commitment": b64u(bytes(32))}},
        ),
        ("play-is-false", "right_absent", claims | {"rights": rights | {"play": False}}),
        ("play-is-absent", "right_absent", claims | {"rights": {}}),
        ("ended-this-second", "expired", claims | {"exp": int(NOW.timestamp())}),
        ("ended-in-1969", "expired", claims | {"exp": -1}),
        ("begins-next-second", "not_yet_valid", claims | {"nbf": int(NOW.timestamp()) + 1}),
    ]
    for name, outcome, changed in refused:
        yield name, outcome, _licence(changed)
    yield "without-wrapped_key", "bad_format", {"licence": document(claims, "geobuk-licence+jws")}
    yield "suite-unknown", "unsupported", _licence(claims, change={"suite": "X448"})
    yield "suite-is-a-number", "bad_format", _licence(claims, change={"suite": 32})
    yield "encapsulated-key-is-null", "bad_format", _licence(claims, change={"enc": None})
    changes = {
        "encapsulated-key-of-31-bytes": {"enc": b64u(bytes(31))},
        "encapsulated-key-of-small-order": {"enc": b64u(SMALL_ORDER)},
        "encapsulated-key-of-zeros": {"enc": b64u(bytes(32))},
        "sealed-key-cut": {"ct": b64u(bytes(47))},
        "sealed-key-empty": {"ct": ""},
        "sealed-key-changed": {"ct": b64u(bytes(48))},
    }
    for name, change in changes.items():
        yield name, "wrong_key", _licence(claims, change=change)
    yield "other-label", "wrong_key", _licence(claims, label=b"geobuk-lease-v1")
    yield "sealed-key-of-31-bytes", "bad_format", _licence(claims, key=KEY.value[:31])
    yield "with-associated-data", "wrong_key", _licence(claims, aad=b"\x00")
    critical = [*whole, "rights.lease", "rights.play_window", "rights.play_count"]
    yield "every-claim-critical", "ok", _licence(claims | {"crit": critical})
    yield "begins-this-second", "ok", _licence(claims | {"nbf": int(NOW.timestamp())})


def certificates() -> Iterator[Row]:
    """Faults of an issuer's certificate (section 8)."""
    claims = claims_in(base("issuer-certificate")["jws"])
    key = claims["key"]
    kind = "geobuk-issuer+jws"
    malformed: list[tuple[str, Claims]] = [
        (f"without-{name}", without(claims, name)) for name in claims
    ]
    malformed += [
        ("names-another-key", claims | {"kid": STRANGER.public.thumbprint}),
        ("ends-as-it-begins", claims | {"exp": claims["nbf"]}),
        ("ends-before-it-begins", claims | {"exp": claims["nbf"] - 1}),
        ("key-of-another-type", claims | {"key": key | {"kty": "EC"}}),
        ("key-of-another-curve", claims | {"key": key | {"crv": "X25519"}}),
        ("private-key", claims | {"key": key | {"d": b64u(bytes(32))}}),
        ("short-key", claims | {"key": key | {"x": b64u(bytes(31))}}),
        ("key-is-a-text", claims | {"key": key["x"]}),
    ]
    for name, changed in malformed:
        yield name, "bad_format", {"jws": document(changed, kind, key=ROOT)}
    yield "signed-by-itself", "bad_signature", {"jws": document(claims, kind, key=ISSUER)}
    as_licence = document(claims, "geobuk-licence+jws", key=ROOT)
    yield "other-kind", "bad_signature", {"jws": as_licence}
    yield "version-2", "unsupported", {"jws": document(claims | {"v": 2}, kind, key=ROOT)}
    critical = claims | {"crit": ["moon"]}
    yield "critical-unknown", "unsupported", {"jws": document(critical, kind, key=ROOT)}
    known = claims | {"crit": list(claims)}
    yield "every-claim-critical", "ok", {"jws": document(known, kind, key=ROOT)}


def sealing_keys() -> Iterator[Row]:
    """Faults of the word for a sealing key (section 2.3)."""
    public = DEVICE_SEALING.public.to_bytes()
    signature = from_b64u(base("sealing-key")["signature"])
    statements = {
        "other-label": b"geobuk-sealing-key-v2\x00X25519\x00" + public,
        "other-suite": b"geobuk-sealing-key-v1\x00X-Wing\x00" + public,
        "other-key": b"geobuk-sealing-key-v1\x00X25519\x00" + flipped(public, 0),
        "bare-key": public,
    }
    for name, statement in statements.items():
        yield name, "bad_signature", {"signature": b64u(DEVICE.sign(statement))}
    stranger = {"identity_public": b64u(STRANGER.public.to_bytes())}
    yield "other-identity", "bad_signature", stranger
    yield "short-signature", "bad_signature", {"signature": b64u(signature[:63])}
    yield "point-of-zeros", "bad_format", {"sealing_public": b64u(bytes(32))}
    yield "point-of-small-order", "bad_format", {"sealing_public": b64u(SMALL_ORDER)}
    yield "key-of-31-bytes", "bad_format", {"sealing_public": b64u(public[:31])}


def custodies() -> Iterator[Row]:
    """Faults of a key at rest (section 9)."""
    case = base("custody")
    master, wrapped = from_b64u(case["master"]), from_b64u(case["wrapped"])
    info = b"geobuk-custody-seed-v1\x00package 1"
    kek = HKDF(hashes.SHA256(), 32, None, info).derive(master)
    seed = keywrap.aes_key_wrap(kek, KEY.value)
    yield "kept-as-a-seed", "wrong_key", {"wrapped": b64u(seed)}
    yield "other-master", "wrong_key", {"master": b64u(flipped(master, 0))}
    yield "context-longer", "wrong_key", {"context": b64u(b"package 1\x00")}
    yield "changed", "wrong_key", {"wrapped": b64u(flipped(wrapped, 0))}
    yield "changed-at-the-end", "wrong_key", {"wrapped": b64u(flipped(wrapped, 39))}
    yield "cut", "wrong_key", {"wrapped": b64u(wrapped[:32])}
    yield "empty", "wrong_key", {"wrapped": ""}
    yield "short-master", "bad_format", {"master": b64u(master[:31])}


def commitments() -> Iterator[Row]:
    """More commitments (section 2.4), each by its own salt."""
    for name, seal_id in (("zeros", "00" * 16), ("ones", "ff" * 16)):
        salt = bytes.fromhex(seal_id)
        value = HKDF(hashes.SHA256(), 32, salt, b"geobuk-key-commitment-v1").derive(KEY.value)
        yield name, "ok", {"seal_id": seal_id, "commitment": b64u(value)}


def streams() -> Iterator[Row]:
    """Streams by Tink at the sizes where a segment ends, and faults of small ones (section 4)."""
    case = base("stream-one-byte")
    seal_id = case["seal_id"]
    ad = associated_data(seal_id, 0)
    good = from_b64u(case["ciphertext"])
    for name, position in {"length-of-header": 0, "salt": 1, "prefix": 39, "byte": 40}.items():
        changed = b64u(flipped(good, position))
        yield f"changed-{name}", "bad_signature", {"ciphertext": changed}
    yield "empty", "bad_format", {"ciphertext": ""}
    yield "header-alone", "bad_format", {"ciphertext": b64u(good[:40])}
    yield "one-byte-cut", "bad_signature", {"ciphertext": b64u(good[:-1])}
    yield "size-between-segments", "bad_format", {"ciphertext": b64u(bytes(65552))}
    yield "other-seal", "bad_signature", {"seal_id": "00" * 16}
    yield "index-of-the-names", "bad_signature", {"index": DETAILS_INDEX}
    salt, prefix = good[1:33], good[33:40]
    labelled = b"geobuk-stream-v2" + ad[16:]
    nonces = {
        "not-marked-as-last": (ad, bytes(4) + b"\x00"),
        "marked-as-segment-1": (ad, b"\x00\x00\x00\x01\x01"),
        "other-label": (labelled, bytes(4) + b"\x01"),
    }
    for name, (context, end) in nonces.items():
        key = HKDF(hashes.SHA256(), 32, salt, context).derive(KEY.value)
        made = good[:40] + AESGCM(key).encrypt(prefix + end, b"a", None)
        yield name, "bad_signature", {"ciphertext": b64u(made)}
    key = HKDF(hashes.SHA256(), 32, salt, ad).derive(KEY.value)
    inside = good[:40] + AESGCM(key).encrypt(prefix + bytes(4) + b"\x01", b"a", ad)
    yield "associated-data-in-the-cipher", "bad_signature", {"ciphertext": b64u(inside)}


GROUPS = {
    "manifest": ("manifest", manifests),
    "licence": ("licence", licences),
    "issuer": ("issuer-certificate", certificates),
    "sealing-key": ("sealing-key", sealing_keys),
    "custody": ("custody", custodies),
    "commitment": ("key-commitment", commitments),
    "stream": ("stream-one-byte", streams),
}
