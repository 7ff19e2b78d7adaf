"""Golden vectors: one file, one outcome (docs/format-v1.md, section 11). Nothing here writes them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drm.custody import MasterKey, unwrap_key, wrap_key
from drm.encoding import from_b64u
from drm.errors import DrmError
from drm.issuer import verify_issuer_certificate
from drm.keys import (
    ContentKey,
    IdentityPublicKey,
    SealingKey,
    SealingPublicKey,
    verify_sealing_key,
)
from drm.licence import open_licence
from drm.manifest import associated_data, open_details, package_id, read_manifest
from drm.merkle import FileHasher
from drm.package import open_file
from drm.proof import verify_proof
from drm.status import verify_status
from drm.stream import SEGMENT_SIZE, StreamSealer, open_reader

FILES = sorted((Path(__file__).parents[1] / "vectors").glob("*.json"))
Case = dict[str, Any]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def public(case: Case, name: str) -> IdentityPublicKey:
    return IdentityPublicKey(from_b64u(case[name]))


def check_stream(case: Case) -> None:
    key, cipher = ContentKey(from_b64u(case["key"])), from_b64u(case["ciphertext"])
    ad = associated_data(case["seal_id"], case["index"])

    reader = open_reader(io.BytesIO(cipher), size=len(cipher), key=key, associated_data=ad)

    plain = reader.read()
    assert len(plain) == reader.size == case["plain_size"]
    assert hashlib.sha256(plain).hexdigest() == case["plain_sha256"]
    # The same salt and prefix must give the same bytes back.
    sealer = StreamSealer(key=key, associated_data=ad, salt=cipher[1:33], prefix=cipher[33:40])
    out = memoryview(bytearray(3 * SEGMENT_SIZE))
    assert bytes(out[: sealer.seal(plain, first=0, last=True, out=out)]) == cipher


def check_manifest(case: Case) -> None:
    manifest = read_manifest(case["manifest"], issuer_public=public(case, "issuer_public"))
    key = ContentKey(from_b64u(case["key"]))

    entries = open_details(manifest, key)

    assert package_id(case["manifest"]) == case["package_id"]
    assert [[e.name, e.media_type, e.size] for e in entries] == case["entries"]
    for index, file in enumerate(case["files"]):
        cipher = from_b64u(file["ciphertext"])
        assert open_file(manifest, index, io.BytesIO(cipher), key=key).read() == from_b64u(
            file["plain"]
        )
        hasher = FileHasher(manifest.piece_length)
        hasher.update(cipher)
        assert hasher.finish().root == manifest.files[index].root == from_b64u(file["root"])


def check_licence(case: Case) -> None:
    manifest_issuer = public(case, "manifest_issuer_public")
    opened = open_licence(
        case["licence"],
        issuer_public=public(case, "issuer_public"),
        identity=public(case, "identity_public"),
        sealing_key=SealingKey(from_b64u(case["sealing_key"])),
        package_id=package_id(case["manifest"]),
        manifest=read_manifest(case["manifest"], issuer_public=manifest_issuer),
        now=moment(case["now"]),
        action=case["action"],
    )

    assert opened.content_key == ContentKey(from_b64u(case["content_key"]))


def check_status(case: Case) -> None:
    status = verify_status(
        case["jws"],
        issuer_public=public(case, "issuer_public"),
        licence_id=case["licence_id"],
        nonce=case["nonce"],
        now=moment(0),
    )

    assert (status.status, status.message) == (case["status"], case["message"])


def check_issuer(case: Case) -> None:
    certificate = verify_issuer_certificate(case["jws"], root_public=public(case, "root_public"))

    assert certificate.kid == case["kid"]
    assert certificate.not_before == moment(case["nbf"])
    assert certificate.not_after == moment(case["exp"])


def check_proof(case: Case) -> None:
    proof = verify_proof(
        case["jws"],
        method=case["method"],
        url=case["url"],
        now=moment(case["now"]),
        access_token=case["access_token"],
    )

    assert proof.thumbprint == case["thumbprint"]


def check_sealing_key(case: Case) -> None:
    sealing = SealingPublicKey(from_b64u(case["sealing_public"]))

    verify_sealing_key(public(case, "identity_public"), sealing, from_b64u(case["signature"]))


def check_commitment(case: Case) -> None:
    key = ContentKey(from_b64u(case["key"]))

    assert key.commitment(case["seal_id"]) == from_b64u(case["commitment"])


def check_custody(case: Case) -> None:
    master, context = MasterKey(from_b64u(case["master"])), from_b64u(case["context"])

    key = unwrap_key(from_b64u(case["wrapped"]), master=master, context=context)

    assert key == ContentKey(from_b64u(case["key"]))
    assert wrap_key(key, master=master, context=context) == from_b64u(case["wrapped"])


CHECKS: dict[str, Callable[[Case], None]] = {
    "stream": check_stream,
    "manifest": check_manifest,
    "licence": check_licence,
    "status": check_status,
    "issuer": check_issuer,
    "proof": check_proof,
    "sealing_key": check_sealing_key,
    "commitment": check_commitment,
    "custody": check_custody,
}


def test_every_kind_has_vectors() -> None:
    kinds = {json.loads(path.read_text())["kind"] for path in FILES}

    assert kinds == set(CHECKS)
    assert len(FILES) == 34


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    case = json.loads(path.read_text())
    check = CHECKS[case["kind"]]

    if case["outcome"] == "ok":
        check(case)
    else:
        with pytest.raises(DrmError) as refusal:
            check(case)
        assert refusal.value.code == case["outcome"]
