"""What `drm` makes of the vectors of sections 10 and 15 to 17 (see checks.py)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from drm import escrow
from drm.audit import LogProof
from drm.encoding import b64u, from_b64u
from drm.issuer import follow_roots, verify_keyring, verify_root_change
from drm.keys import ContentKey, IdentityPublicKey, SealingKey
from drm.licence import peek_licence
from drm.manifest import read_manifest
from drm.passphrase import open_box
from drm.recovery import RecoveryKey
from drm.shares import combine
from drm.surrender import verify_surrender, verify_surrender_request
from drm.trust import judge as judge_issuer
from drm.unlock import ActivationSecret, open_unlock, read_activation, read_unlock

__all__ = ["CHECKS"]

Case = dict[str, Any]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def public(case: Case, name: str) -> IdentityPublicKey:
    return IdentityPublicKey(from_b64u(case[name]))


def check_surrender(case: Case) -> None:
    said = verify_surrender(case["jws"], identity_public=public(case, "identity_public"))

    if case["outcome"] == "ok":
        assert said.handover_id == case["handover"]
        assert (said.licence_id, said.licence_hash) == (case["licence_id"], case["licence_hash"])


def check_surrender_request(case: Case) -> None:
    said = verify_surrender_request(
        case["jws"],
        issuer_public=public(case, "issuer_public"),
        device=case["device"],
        nonce=case["nonce"],
    )

    if case["outcome"] == "ok":
        assert (said.handover_id, said.kind) == (case["handover"], case["purpose"])
        assert (said.licence_id, said.licence_hash) == (case["licence_id"], case["licence_hash"])
        assert said.package_id == case["package"]


def check_keyring(case: Case) -> None:
    keyring = verify_keyring(
        case["jws"],
        root_public=public(case, "root_public"),
        lowest_sequence=case.get("lowest_sequence", 0),
    )

    if case["outcome"] == "ok":
        assert keyring.sequence == case["sequence"]
        assert [issuer.kid for issuer in keyring.issuers] == case["kids"]
        assert keyring.retired == {kid: moment(at) for kid, at in case["retired"].items()}


def check_judged(case: Case) -> None:
    root = public(case, "root_public")
    keyring = verify_keyring(case["keyring"], root_public=root)
    issuer = keyring.certificate(case["licence"])
    claims = peek_licence(case["licence"], issuer_public=issuer.public)

    judge_issuer(
        case["licence"],
        issued_at=claims.issued_at,
        keyring=keyring,
        now=moment(case["now"]),
        stored=case["stored"],
        proof=None if case["proof"] is None else LogProof.from_json(case["proof"]),
        root_public=root,
    )


def check_root_change(case: Case) -> None:
    change = verify_root_change(case["jws"], root_public=public(case, "root_public"))

    if case["outcome"] == "ok":
        assert b64u(change.new.to_bytes()) == case["new_root"]


def check_roots(case: Case) -> None:
    root = follow_roots(case["changes"], pinned=public(case, "pinned"))

    assert b64u(root.to_bytes()) == case["root"]


def check_unlock(case: Case) -> None:
    issuer = public(case, "issuer_public")
    manifest = read_manifest(case["manifest"], issuer_public=issuer)
    unlock = read_unlock(case["jws"], issuer_public=issuer)

    opened = open_unlock(
        unlock,
        package_id=case["package"],
        manifest=manifest,
        identity=public(case, "identity_public"),
        sealing_key=SealingKey(from_b64u(case["sealing_key"]), case.get("suite", "X25519")),
        secret=ActivationSecret(from_b64u(case["secret"])),
        action=case["action"],
    )

    assert opened.content_key == ContentKey(from_b64u(case["content_key"]))


def check_activation(case: Case) -> None:
    activation = read_activation(from_b64u(case["file"]))

    if case["outcome"] == "ok":
        assert b64u(activation.secret.to_bytes()) == case["secret"]
        assert activation.shop == case["shop"]
        assert activation.root_public == public(case, "root_public")


def check_shares(case: Case) -> None:
    commitment = case["commitment"]
    secret = combine(
        case["shares"],
        signer_public=public(case, "signer_public"),
        commitment=None if commitment is None else from_b64u(commitment),
    )

    assert b64u(secret.to_bytes()) == case["secret"]


def check_recovery(case: Case) -> None:
    key, hint = RecoveryKey.from_code(case["code"])

    assert (b64u(key.to_bytes()), b64u(hint)) == (case["key"], case["root_hint"])
    assert b64u(key.identity.to_bytes()) == case["identity_seed"]
    assert b64u(key.sealing().to_bytes()) == case["sealing_key"]


def check_box(case: Case) -> None:
    box, passphrase = from_b64u(case["box"]), case["passphrase"]
    if case["context"] is None:
        secret = escrow.unlock(box, passphrase=passphrase)
    else:
        secret = open_box(passphrase, box, context=from_b64u(case["context"]))

    assert b64u(secret) == case["secret"]


CHECKS: dict[str, Callable[[Case], None]] = {
    "surrender": check_surrender,
    "surrender_request": check_surrender_request,
    "keyring": check_keyring,
    "judged": check_judged,
    "root_change": check_root_change,
    "roots": check_roots,
    "unlock": check_unlock,
    "activation": check_activation,
    "shares": check_shares,
    "recovery": check_recovery,
    "box": check_box,
}
