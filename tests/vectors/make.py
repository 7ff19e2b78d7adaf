"""Writes the vectors of docs/format-v1.md: `python -m tests.vectors.make` (README.md).

What other libraries drew at random, the cases of one file each here and the GIVEN groups, was
made once by Tink and by cryptography; such a file stays as it is where it exists, as a vector is
never made again to let a test pass. All other groups are made anew from these, and come out the
same each time.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.encoding import b64u, canonical_json
from drm.issuer import sign_issuer_certificate
from drm.keys import sign_sealing_key
from drm.manifest import associated_data
from drm.proof import create_proof
from drm.signed import sign
from drm.status import sign_status
from tests.drm.house import (
    DEVICE,
    DEVICE_SEALING,
    HOUR,
    ISSUER,
    KEY,
    NOW,
    OTHER_KEY,
    ROOT,
    STRANGER,
    Shelf,
    pattern,
    seal,
)
from tests.drm.tinkery import Kept, tink_streams
from tests.vectors import (
    box_cases,
    chain_cases,
    claim_cases,
    ending_cases,
    lease_cases,
    log_cases,
    signed_cases,
    standard_cases,
    wing_cases,
)
from tests.vectors.tools import Case, Row, base

FOLDER = Path(__file__).parent
SEAL_ID = bytes(range(16)).hex()
STREAM_SIZES = {"empty": 0, "one-byte": 1, "first-segment-full": 65480, "two-segments": 65481}
MASTER = bytes(range(100, 132))


def streams() -> Iterator[tuple[str, dict[str, Any]]]:
    """Streams by Tink, and what was done to them."""
    ad = associated_data(SEAL_ID, 0)
    sealed: dict[str, bytes] = {}
    for name, size in STREAM_SIZES.items():
        sink = Kept()
        with tink_streams().new_encrypting_stream(sink, ad) as stream:
            stream.write(pattern(size, "vector"))
        sealed[name] = sink.kept
        yield f"stream-{name}", stream_case(sink.kept, plain_size=size)
    two = sealed["two-segments"]
    yield "stream-cut-at-segment", stream_case(two[:65536], outcome="bad_signature")
    yield "stream-appended", stream_case(two + b"\x00", outcome="bad_signature")
    yield "stream-size-of-none", stream_case(sealed["one-byte"][:55], outcome="bad_format")
    changed = bytearray(sealed["one-byte"])
    changed[-1] ^= 1
    yield "stream-changed-tag", stream_case(bytes(changed), outcome="bad_signature")
    yield (
        "stream-other-file",
        stream_case(sealed["one-byte"], outcome="bad_signature") | {"index": 1},
    )
    yield (
        "stream-other-key",
        stream_case(sealed["one-byte"], outcome="bad_signature") | {"key": b64u(OTHER_KEY.value)},
    )


def stream_case(cipher: bytes, *, outcome: str = "ok", plain_size: int = 0) -> dict[str, Any]:
    """A stream under KEY as file 0 of SEAL_ID."""
    case: dict[str, Any] = {
        "kind": "stream",
        "outcome": outcome,
        "key": b64u(KEY.value),
        "seal_id": SEAL_ID,
        "index": 0,
        "ciphertext": b64u(cipher),
    }
    if outcome == "ok":
        plain = pattern(plain_size, "vector")
        case |= {"plain_size": plain_size, "plain_sha256": hashlib.sha256(plain).hexdigest()}
    return case


def manifests(shelf: Shelf) -> Iterator[tuple[str, dict[str, Any]]]:
    """One package of two files, and manifests that are refused."""
    case = {
        "kind": "manifest",
        "outcome": "ok",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "key": b64u(KEY.value),
        "manifest": shelf.jws.decode(),
        "package_id": shelf.package_id,
        "entries": [[e.name, e.media_type, e.size] for e in shelf.sealed.entries],
        "files": [
            {"ciphertext": b64u(cipher), "plain": b64u(plain), "root": b64u(file.root)}
            for cipher, plain, file in zip(
                shelf.ciphertexts, PLAINS, shelf.manifest.files, strict=True
            )
        ],
    }
    yield "manifest", case
    yield "manifest-other-key", case | {"outcome": "wrong_key", "key": b64u(OTHER_KEY.value)}
    yield (
        "manifest-other-issuer",
        case | {"outcome": "bad_signature", "issuer_public": b64u(STRANGER.public.to_bytes())},
    )


PLAINS = [pattern(1000, "vector 0"), b"second file"]


def licences(shelf: Shelf) -> Iterator[tuple[str, dict[str, Any]]]:
    """Licences whose key the other library wrapped."""
    base = {
        "v": 1,
        "id": "11111111-2222-3333-4444-555555555555",
        "issuer": "거북 상점",
        "iat": int(NOW.timestamp()),
        "nbf": None,
        "exp": None,
        "sub": "buyer-1",
        "device": DEVICE.public.thumbprint,
        "content": {
            "package": shelf.package_id,
            "version": 1,
            "key_commitment": b64u(KEY.commitment(shelf.manifest.seal_id)),
        },
        "rights": {"play": True, "save": False},
        "links": {"status": "https://shop.example/api/v1/licences/1/status"},
    }
    rental = {"nbf": int(NOW.timestamp()), "exp": int((NOW + HOUR).timestamp())}
    yield "licence", licence_case(shelf, base)
    yield "licence-save-denied", licence_case(shelf, base, "right_absent") | {"action": "save"}
    yield "licence-rental", licence_case(shelf, base | rental)
    late = int((NOW + HOUR).timestamp())
    yield "licence-expired", licence_case(shelf, base | rental, "expired") | {"now": late}
    early = int(NOW.timestamp()) - 1
    yield "licence-early", licence_case(shelf, base | rental, "not_yet_valid") | {"now": early}
    device = {"device": STRANGER.public.thumbprint}
    yield "licence-other-device", licence_case(shelf, base | device, "other_device")
    content = {"content": base["content"] | {"package": "00" * 32}}  # type: ignore[operator]  # a dict
    yield "licence-other-content", licence_case(shelf, base | content, "other_content")
    yield "licence-version-2", licence_case(shelf, base | {"v": 2}, "unsupported")
    yield "licence-critical", licence_case(shelf, base | {"crit": ["lease"]}, "unsupported")
    moved = licence_case(shelf, base, "wrong_key")
    moved["licence"] = licence_jws(base, signed=base | {"sub": "buyer-2"})
    yield "licence-key-moved", moved
    wrong = licence_case(shelf, base, "wrong_key")
    wrong["licence"] = licence_jws(base, key=OTHER_KEY.value)
    yield "licence-other-key", wrong
    forged = licence_case(shelf, base, "bad_signature")
    forged["issuer_public"] = b64u(STRANGER.public.to_bytes())
    yield "licence-other-issuer", forged


def licence_case(shelf: Shelf, claims: dict[str, Any], outcome: str = "ok") -> dict[str, Any]:
    """A licence with `claims`, asked to play at NOW on DEVICE."""
    return {
        "kind": "licence",
        "outcome": outcome,
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "identity_public": b64u(DEVICE.public.to_bytes()),
        "sealing_key": b64u(DEVICE_SEALING.to_bytes()),
        "manifest": shelf.jws.decode(),
        "manifest_issuer_public": b64u(ISSUER.public.to_bytes()),
        "now": int(NOW.timestamp()),
        "action": "play",
        "licence": licence_jws(claims),
        "content_key": b64u(KEY.value),
    }


def licence_jws(
    claims: dict[str, Any], *, signed: dict[str, Any] | None = None, key: bytes = KEY.value
) -> str:
    """Wrap `key` under `claims`, and sign it under `signed`."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(canonical_json(claims))
    suite = other.Suite(other.KEM.X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)
    public = X25519PublicKey.from_public_bytes(DEVICE_SEALING.public.to_bytes())
    message = suite.encrypt(key, public, info=b"geobuk-licence-v1" + digest.finalize())
    wrapped = {"suite": "X25519", "enc": b64u(message[:32]), "ct": b64u(message[32:])}
    return sign(
        (signed or claims) | {"wrapped_key": wrapped},
        key=ISSUER,
        kind="geobuk-licence+jws",
        header={"kid": ISSUER.public.thumbprint},
    )


def words() -> Iterator[tuple[str, dict[str, Any]]]:
    """Status, certificate, proof, sealing key, commitment and custody."""
    status = sign_status(
        issuer=ISSUER,
        kid=ISSUER.public.thumbprint,
        licence_id="licence 1",
        status="revoked",
        message="환불되었습니다.",
        now=NOW,
        updated=NOW - HOUR,
        nonce="0123456789abcdef",
    )
    case = {
        "kind": "status",
        "outcome": "ok",
        "issuer_public": b64u(ISSUER.public.to_bytes()),
        "licence_id": "licence 1",
        "nonce": "0123456789abcdef",
        "jws": status,
        "status": "revoked",
        "message": "환불되었습니다.",
    }
    yield "status-revoked", case
    yield "status-stale", case | {"outcome": "bad_signature", "nonce": "fedcba9876543210"}
    certificate = sign_issuer_certificate(
        root=ROOT, issuer_public=ISSUER.public, not_before=NOW, not_after=NOW + timedelta(days=365)
    )
    yield (
        "issuer-certificate",
        {
            "kind": "issuer",
            "outcome": "ok",
            "root_public": b64u(ROOT.public.to_bytes()),
            "jws": certificate,
            "kid": ISSUER.public.thumbprint,
            "nbf": int(NOW.timestamp()),
            "exp": int((NOW + timedelta(days=365)).timestamp()),
        },
    )
    url = "https://shop.example/api/v1/me"
    proof = create_proof(DEVICE, method="GET", url=url, now=NOW, access_token="token")
    asked = {"kind": "proof", "outcome": "ok", "jws": proof, "method": "GET", "url": url}
    asked |= {"access_token": "token", "thumbprint": DEVICE.public.thumbprint}
    yield "proof", asked | {"now": int(NOW.timestamp())}
    yield "proof-late", asked | {"now": int(NOW.timestamp()) + 61, "outcome": "bad_signature"}
    yield (
        "sealing-key",
        {
            "kind": "sealing_key",
            "outcome": "ok",
            "identity_public": b64u(DEVICE.public.to_bytes()),
            "sealing_public": b64u(DEVICE_SEALING.public.to_bytes()),
            "signature": b64u(sign_sealing_key(DEVICE, DEVICE_SEALING.public)),
        },
    )
    salt = bytes.fromhex(SEAL_ID)
    commitment = HKDF(hashes.SHA256(), 32, salt, b"geobuk-key-commitment-v1").derive(KEY.value)
    yield (
        "key-commitment",
        {
            "kind": "commitment",
            "outcome": "ok",
            "key": b64u(KEY.value),
            "seal_id": SEAL_ID,
            "commitment": b64u(commitment),
        },
    )
    info = b"geobuk-custody-content-key-v1\x00package 1"
    kek = HKDF(hashes.SHA256(), 32, None, info).derive(MASTER)
    held = {
        "kind": "custody",
        "outcome": "ok",
        "master": b64u(MASTER),
        "context": b64u(b"package 1"),
        "wrapped": b64u(keywrap.aes_key_wrap(kek, KEY.value)),
        "key": b64u(KEY.value),
    }
    yield "custody", held
    yield "custody-other-row", held | {"context": b64u(b"package 2"), "outcome": "wrong_key"}


def tink_rows() -> Iterator[Row]:
    """More streams by Tink, at the sizes where a segment ends (section 4.3)."""
    ad = associated_data(SEAL_ID, 0)
    for size in (65479, 130999, 131000, 131001):
        sink = Kept()
        with tink_streams().new_encrypting_stream(sink, ad) as stream:
            stream.write(pattern(size, "vector"))
        plain = pattern(size, "vector")
        ends = [(0, 3), (size - 3, 9), (65478, 5), (130997, 5)]
        reads = [[at, length, b64u(plain[at : at + length])] for at, length in ends]
        case = stream_case(sink.kept, plain_size=size) | {"reads": reads}
        changed = {name: case[name] for name in ("ciphertext", "plain_size", "plain_sha256")}
        yield f"{size}-bytes", "ok", changed | {"reads": reads}


def _of(name: str) -> Callable[[], Case]:
    return lambda: base(name)


# Groups in `more/`: what their cases change, and the cases.
GIVEN: dict[str, tuple[Callable[[], Case], Callable[[], Iterator[Row]]]] = {
    "tink": (_of("stream-one-byte"), tink_rows),
    "x-wing": (_of("licence"), wing_cases.licences),
}
GROUPS: dict[str, tuple[Callable[[], Case], Callable[[], Iterator[Row]]]] = {
    "activation": (ending_cases.activation_base, ending_cases.activations),
    "box": (box_cases.box_base, box_cases.boxes),
    "checkpoint": (chain_cases.checkpoint_base, chain_cases.checkpoints),
    "commitment": (_of("key-commitment"), claim_cases.commitments),
    "consistency": (log_cases.consistency_base, log_cases.consistencies),
    "custody": (_of("custody"), claim_cases.custodies),
    "ed25519": (standard_cases.ed25519_base, standard_cases.ed25519),
    "head": (log_cases.head_base, log_cases.heads),
    "hpke": (standard_cases.hpke_base, standard_cases.hpke),
    "inclusion": (log_cases.inclusion_base, log_cases.inclusions),
    "issued": (log_cases.issued_base, log_cases.issued),
    "issuer": (_of("issuer-certificate"), claim_cases.certificates),
    "json": (standard_cases.json_base, standard_cases.json_texts),
    "judged": (chain_cases.judged_base, chain_cases.judged),
    "keyring": (chain_cases.keyring_base, chain_cases.keyrings),
    "lease": (lease_cases.lease_base, lease_cases.leases),
    "licence": (_of("licence"), claim_cases.licences),
    "log-proof": (log_cases.proof_base, log_cases.log_proofs),
    "manifest": (_of("manifest"), claim_cases.manifests),
    "proof": (_of("proof"), signed_cases.proofs),
    "recovery": (ending_cases.recovery_base, ending_cases.recoveries),
    "rental": (lease_cases.rental_base, lease_cases.rentals),
    "root-change": (chain_cases.change_base, chain_cases.changes),
    "roots": (chain_cases.roots_base, chain_cases.roots),
    "sealing": (standard_cases.sealing_base, standard_cases.sealings),
    "sealing-key": (_of("sealing-key"), claim_cases.sealing_keys),
    "shares": (ending_cases.shares_base, ending_cases.shares),
    "size": (standard_cases.size_base, standard_cases.sizes),
    "status": (_of("status-revoked"), signed_cases.statuses),
    "stream": (_of("stream-one-byte"), claim_cases.streams),
    "surrender": (chain_cases.surrender_base, chain_cases.surrenders),
    "surrender-request": (chain_cases.request_base, chain_cases.requests),
    "tree": (log_cases.tree_base, log_cases.trees),
    "unlock": (ending_cases.unlock_base, ending_cases.unlocks),
    "x-wing-key": (wing_cases.key_base, wing_cases.keys),
}


def group(first: Case, rows: Iterator[Row]) -> str:
    """Return the text of a group: a base and what each case changes in it."""
    cases = [{"name": name, "outcome": outcome} | change for name, outcome, change in rows]
    named = [case["name"] for case in cases]
    if len(set(named)) != len(named):
        raise ValueError(f"two cases of one name: {sorted(named)}")
    lines = [json.dumps(case, ensure_ascii=False) for case in cases]
    text = json.dumps(first, ensure_ascii=False, indent=1)
    return f'{{"base": {text},\n"cases": [\n' + ",\n".join(lines) + "\n]}\n"


def main(folder: Path = FOLDER) -> None:
    """Write the vectors into `folder`: those by other libraries where they are missing."""
    once: list[Iterator[tuple[str, Case]]] = []
    if not (folder / "manifest.json").exists():
        shelf = seal(PLAINS)
        once = [streams(), manifests(shelf), licences(shelf), words()]
    for cases in once:
        for name, case in cases:
            path = folder / f"{name}.json"
            if not path.exists():
                path.write_text(json.dumps(case, ensure_ascii=False, indent=1) + "\n")
    (folder / "more").mkdir(exist_ok=True)
    for name, (first, rows) in (GIVEN | GROUPS).items():
        path = folder / "more" / f"{name}.json"
        if name in GROUPS or not path.exists():
            path.write_text(group(first(), rows()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
