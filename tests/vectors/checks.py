"""What `drm` makes of a vector: one check for each kind (docs/format-v1.md, section 11)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from drm import audit
from drm.audit import (
    LogProof,
    verify_checkpoint,
    verify_consistency,
    verify_head,
    verify_inclusion,
)
from drm.custody import MasterKey, unwrap_key, wrap_key
from drm.decision import Usage
from drm.encoding import b64u, canonical_json, from_b64u, parse_object
from drm.errors import DrmError
from drm.hpke import unseal
from drm.issuer import find_issuer, verify_issuer_certificate
from drm.keys import (
    ContentKey,
    IdentityKey,
    IdentityPublicKey,
    SealingKey,
    SealingPublicKey,
    verify_sealing_key,
)
from drm.lease import Lease, lease_key, verify_lease
from drm.licence import open_licence, peek_licence
from drm.manifest import associated_data, open_details, package_id, read_manifest
from drm.merkle import FileHasher
from drm.package import open_file
from drm.proof import verify_proof
from drm.status import Status, read_status, verify_status
from drm.stream import SEGMENT_SIZE, StreamSealer, ciphertext_size, open_reader, plaintext_size
from tests.vectors import chain_checks

__all__ = ["CHECKS", "judge", "seal_again"]

Case = dict[str, Any]


def judge(case: Case) -> str:
    """Return "ok" or the code of the refusal. Raises AssertionError where what is in order says
    something else than the vector."""
    try:
        CHECKS[case["kind"]](case)
    except DrmError as refusal:
        return refusal.code
    return "ok"


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def public(case: Case, name: str) -> IdentityPublicKey:
    return IdentityPublicKey(from_b64u(case[name]))


def sealing_key(case: Case) -> SealingKey:
    return SealingKey(from_b64u(case["sealing_key"]), case.get("suite", "X25519"))


def check_stream(case: Case) -> None:
    key, cipher = ContentKey(from_b64u(case["key"])), from_b64u(case["ciphertext"])
    ad = associated_data(case["seal_id"], case["index"])
    size = case.get("size", len(cipher))

    reader = open_reader(io.BytesIO(cipher), size=size, key=key, associated_data=ad)

    plain = reader.read()
    if case["outcome"] != "ok":
        return
    assert len(plain) == reader.size == case["plain_size"]
    assert hashlib.sha256(plain).hexdigest() == case["plain_sha256"]
    for offset, length, part in case.get("reads", ()):
        assert reader.read_at(offset, length) == from_b64u(part)
    # The same salt and prefix must give the same bytes back.
    again = seal_again(plain, key, ad, salt=cipher[1:33], prefix=cipher[33:40])
    assert again == cipher[:size]


def seal_again(plain: bytes, key: ContentKey, ad: bytes, *, salt: bytes, prefix: bytes) -> bytes:
    """Return the stream over `plain` under a given salt and prefix."""
    sealer = StreamSealer(key=key, associated_data=ad, salt=salt, prefix=prefix)
    out = memoryview(bytearray(len(plain) + SEGMENT_SIZE))
    return bytes(out[: sealer.seal(plain, first=0, last=True, out=out)])


def check_sealing(case: Case) -> None:
    plain = bytes(i % 251 for i in range(case["plain_size"]))
    assert hashlib.sha256(plain).hexdigest() == case["plain_sha256"]

    cipher = seal_again(
        plain,
        ContentKey(from_b64u(case["key"])),
        associated_data(case["seal_id"], case["index"]),
        salt=from_b64u(case["salt"]),
        prefix=from_b64u(case["prefix"]),
    )

    assert len(cipher) == case["ciphertext_size"]
    assert hashlib.sha256(cipher).hexdigest() == case["ciphertext_sha256"]


def check_size(case: Case) -> None:
    assert plaintext_size(case["ciphertext_size"]) == case["plain_size"]
    assert ciphertext_size(case["plain_size"]) == case["ciphertext_size"]


def check_manifest(case: Case) -> None:
    manifest = read_manifest(case["manifest"], issuer_public=public(case, "issuer_public"))
    key = ContentKey(from_b64u(case["key"]))

    entries = open_details(manifest, key)

    if case["outcome"] != "ok":
        return
    assert package_id(case["manifest"]) == case["package_id"]
    assert [[e.name, e.media_type, e.size] for e in entries] == case["entries"]
    for index, file in enumerate(case["files"]):
        cipher = from_b64u(file["ciphertext"])
        plain = open_file(manifest, index, io.BytesIO(cipher), key=key).read()
        assert plain == from_b64u(file["plain"])
        hasher = FileHasher(manifest.piece_length)
        hasher.update(cipher)
        assert hasher.finish().root == manifest.files[index].root == from_b64u(file["root"])


def check_licence(case: Case) -> None:
    manifest_issuer = public(case, "manifest_issuer_public")
    usage = dict(case.get("usage") or {"first_play": None, "plays": 0, "known": True})
    usage["first_play"] = moment_or_none(usage["first_play"])

    opened = open_licence(
        case["licence"],
        issuer_public=public(case, "issuer_public"),
        identity=public(case, "identity_public"),
        sealing_key=sealing_key(case),
        package_id=package_id(case["manifest"]),
        manifest=read_manifest(case["manifest"], issuer_public=manifest_issuer),
        now=moment(case["now"]),
        action=case["action"],
        status=_stored_status(case),
        lease=_stored_lease(case),
        usage=Usage(**usage),
        high_water=moment_or_none(case.get("high_water")),
    )

    assert opened.content_key == ContentKey(from_b64u(case["content_key"]))
    if "ends" in case and case["outcome"] == "ok":
        assert opened.decision.ends == moment_or_none(case["ends"])
        assert opened.decision.stops == moment_or_none(case["stops"])


def _stored_status(case: Case) -> Status | None:
    if case.get("status") is None:
        return None
    return read_status(case["status"], issuer_public=public(case, "issuer_public"))


def _stored_lease(case: Case) -> Lease | None:
    if case.get("lease") is None:
        return None
    return verify_lease(
        case["lease"],
        issuer_public=public(case, "issuer_public"),
        licence=case["licence"],
        device=public(case, "identity_public").thumbprint,
        nonce=None,
    )


def check_lease(case: Case) -> None:
    lease = verify_lease(
        case["jws"],
        issuer_public=public(case, "issuer_public"),
        licence=case["licence"],
        device=case["device"],
        nonce=case["nonce"],
    )

    key = lease_key(lease, sealing_key=sealing_key(case))

    if case["outcome"] != "ok":
        return
    assert key == ContentKey(from_b64u(case["content_key"]))
    assert (lease.counter, lease.epoch, lease.plays) == (
        case["counter"],
        case["epoch"],
        case["plays"],
    )
    assert lease.expires == moment(case["expires"])
    assert lease.first_play == moment_or_none(case["first_play"])


def check_status(case: Case) -> None:
    status = verify_status(
        case["jws"],
        issuer_public=public(case, "issuer_public"),
        licence_id=case["licence_id"],
        nonce=case["nonce"],
        now=moment(0),
        lowest_sequence=case.get("lowest_sequence", 0),
    )

    if case["outcome"] != "ok":
        return
    assert (status.status, status.message) == (case["status"], case["message"])
    assert (status.sequence, status.reason) == (case.get("sequence", 0), case.get("reason", ""))


def check_issuer(case: Case) -> None:
    certificate = verify_issuer_certificate(case["jws"], root_public=public(case, "root_public"))

    if case["outcome"] != "ok":
        return
    assert certificate.kid == case["kid"]
    assert certificate.not_before == moment(case["nbf"])
    assert certificate.not_after == moment(case["exp"])


def check_issued(case: Case) -> None:
    root = public(case, "root_public")

    certificate = find_issuer(case["licence"], case["certificates"], root_public=root)

    claims = peek_licence(case["licence"], issuer_public=certificate.public)
    certificate.require_issued_within(claims.issued_at)


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
    sealing = SealingPublicKey(from_b64u(case["sealing_public"]), case.get("suite", "X25519"))

    verify_sealing_key(public(case, "identity_public"), sealing, from_b64u(case["signature"]))


def check_commitment(case: Case) -> None:
    key = ContentKey(from_b64u(case["key"]))

    assert key.commitment(case["seal_id"]) == from_b64u(case["commitment"])


def check_custody(case: Case) -> None:
    master, context = MasterKey(from_b64u(case["master"])), from_b64u(case["context"])

    key = unwrap_key(from_b64u(case["wrapped"]), master=master, context=context)

    assert key == ContentKey(from_b64u(case["key"]))
    assert wrap_key(key, master=master, context=context) == from_b64u(case["wrapped"])


def check_json(case: Case) -> None:
    value = parse_object(from_b64u(case["text"]))

    assert b64u(canonical_json(value)) == case["canonical"]


def check_ed25519(case: Case) -> None:
    key, message = public(case, "public"), from_b64u(case["message"])

    key.verify(from_b64u(case["signature"]), message)

    private = IdentityKey(from_b64u(case["seed"]))
    assert private.public == key
    assert private.sign(message) == from_b64u(case["signature"])


def check_hpke(case: Case) -> None:
    enc, sealed, info = (from_b64u(case[name]) for name in ("enc", "ct", "info"))

    plain = unseal(enc, sealed, key=SealingKey(from_b64u(case["private"])), info=info)

    assert b64u(plain) == case["plain"]


def check_tree(case: Case) -> None:
    entries = [from_b64u(entry) for entry in case["entries"]]
    chain = audit.CHAIN_START
    for entry in entries:
        chain = audit.chain_hash(chain, entry)

    assert b64u(audit.tree_root([audit.leaf_hash(entry) for entry in entries])) == case["root"]
    assert b64u(chain) == case["chain"]


def check_inclusion(case: Case) -> None:
    verify_inclusion(
        leaf=from_b64u(case["leaf"]),
        index=case["index"],
        tree_size=case["tree_size"],
        path=[from_b64u(sibling) for sibling in case["path"]],
        root=from_b64u(case["root"]),
    )


def check_consistency(case: Case) -> None:
    verify_consistency(
        old_size=case["old_size"],
        old_root=from_b64u(case["old_root"]),
        new_size=case["new_size"],
        new_root=from_b64u(case["new_root"]),
        path=[from_b64u(sibling) for sibling in case["path"]],
    )


def check_head(case: Case) -> None:
    head = verify_head(case["jws"], issuer_public=public(case, "issuer_public"))

    if case["outcome"] != "ok":
        return
    assert (head.tree_size, b64u(head.root), b64u(head.chain), head.issued_at) == (
        case["size"],
        case["root"],
        case["chain"],
        moment(case["iat"]),
    )


def check_log_proof(case: Case) -> None:
    proof = LogProof.from_json(case["proof"])

    proof.verify(case["document"], issuer_public=public(case, "issuer_public"))


def check_checkpoint(case: Case) -> None:
    head = verify_checkpoint(case["jws"], root_public=public(case, "root_public"))

    if case["outcome"] == "ok":
        assert (head.tree_size, b64u(head.root)) == (case["size"], case["root"])
        assert (b64u(head.chain), head.issued_at) == (case["chain"], moment(case["iat"]))


CHECKS: dict[str, Callable[[Case], None]] = {
    "stream": check_stream,
    "sealing": check_sealing,
    "size": check_size,
    "manifest": check_manifest,
    "licence": check_licence,
    "lease": check_lease,
    "status": check_status,
    "issuer": check_issuer,
    "issued": check_issued,
    "proof": check_proof,
    "sealing_key": check_sealing_key,
    "commitment": check_commitment,
    "custody": check_custody,
    "json": check_json,
    "ed25519": check_ed25519,
    "hpke": check_hpke,
    "tree": check_tree,
    "inclusion": check_inclusion,
    "consistency": check_consistency,
    "head": check_head,
    "log_proof": check_log_proof,
    "checkpoint": check_checkpoint,
    **chain_checks.CHECKS,
}
