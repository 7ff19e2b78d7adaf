"""Whom a document is believed of: each rule one test."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from drm.audit import (
    CHAIN_START,
    LogProof,
    chain_hash,
    inclusion_path,
    leaf_hash,
    sign_checkpoint,
    sign_head,
    tree_root,
    verify_checkpoint,
    verify_head,
)
from drm.encoding import canonical_json
from drm.errors import AuthenticationError, OnlineNeededError
from drm.issuer import IssuerCertificate, Keyring, sign_issuer_certificate, sign_keyring
from drm.issuer import verify_keyring as read_keyring
from drm.keys import IdentityKey
from drm.signed import document_hash
from drm.trust import is_retired, judge
from tests.drm.house import HOUR, ISSUER, NOW, ROOT, STRANGER

DAY = 24 * HOUR
YEARS = timedelta(days=3653)
OLD = IdentityKey(bytes(range(20, 52)))
ENTRIES = [canonical_json({"kind": "granted", "at": n}) for n in range(5)]


def certificate(key: IdentityKey, *, begin: datetime, end: datetime) -> str:
    return sign_issuer_certificate(
        root=ROOT, issuer_public=key.public, not_before=begin, not_after=end
    )


def keyring(*, retired: dict[str, datetime] | None = None) -> Keyring:
    certificates = [
        certificate(ISSUER, begin=NOW - DAY, end=NOW + 400 * DAY),
        certificate(OLD, begin=NOW - 400 * DAY, end=NOW - DAY),
    ]
    jws = sign_keyring(root=ROOT, sequence=1, issuers=certificates, retired=retired or {}, now=NOW)
    return read_keyring(jws, root_public=ROOT.public)


def document(key: IdentityKey) -> str:
    return sign_head(
        issuer=key,
        kid=key.public.thumbprint,
        tree_size=1,
        root=bytes(32),
        chain=bytes(32),
        now=NOW,
    )


def judged(jws: str | bytes, **changes: Any) -> IssuerCertificate:
    arguments: dict[str, Any] = {
        "issued_at": NOW,
        "keyring": keyring(),
        "now": NOW,
        "stored": False,
        "proof": None,
        "root_public": ROOT.public,
    }
    return judge(jws, **(arguments | changes))


def proved(jws: str, *, root: IdentityKey = ROOT) -> LogProof:
    entries = [*ENTRIES, canonical_json({"kind": "licence", "at": 9, "hash": document_hash(jws)})]
    leaves, chain = [leaf_hash(entry) for entry in entries], CHAIN_START
    for entry in entries:
        chain = chain_hash(chain, entry)
    checkpoint = sign_checkpoint(
        shop_root=root, tree_size=len(leaves), root=tree_root(leaves), chain=chain, now=NOW
    )
    return LogProof(entry=entries[5], index=5, path=inclusion_path(leaves, 5), head=checkpoint)


def test_an_issuer_at_work_is_believed() -> None:
    assert judged(document(ISSUER)).public == ISSUER.public
    assert judged(document(ISSUER).encode()).public == ISSUER.public


def test_a_key_outside_the_keyring_is_not() -> None:
    with pytest.raises(AuthenticationError, match="not signed by a key of this shop"):
        judged(document(STRANGER), stored=True)


@pytest.mark.parametrize("moment", [NOW - 2 * DAY, NOW + 401 * DAY])
def test_a_document_from_outside_the_keys_time_is_refused_even_if_stored(moment: datetime) -> None:
    with pytest.raises(AuthenticationError, match="outside the time"):
        judged(document(ISSUER), issued_at=moment, stored=True)


def test_what_is_stored_stays_good_whatever_became_of_its_issuer() -> None:
    then = NOW - 30 * DAY
    assert judged(document(OLD), issued_at=then, stored=True).public == OLD.public

    kid = ISSUER.public.thumbprint
    retired = keyring(retired={kid: NOW - HOUR})
    for now in (NOW, NOW + YEARS, NOW - YEARS):
        assert judged(document(ISSUER), keyring=retired, now=now, stored=True).kid == kid


def test_a_key_whose_time_is_over_is_not_believed_of_the_past() -> None:
    with pytest.raises(OnlineNeededError) as caught:
        judged(document(OLD), issued_at=NOW - 30 * DAY)
    assert caught.value.code == "retired_issuer"


def test_a_key_that_the_keyring_retires_is_not_believed_whatever_the_clock_says() -> None:
    retired = keyring(retired={ISSUER.public.thumbprint: NOW - HOUR})

    for now in (NOW, NOW - YEARS):
        with pytest.raises(OnlineNeededError):
            judged(document(ISSUER), keyring=retired, now=now)


def test_a_key_is_retired_the_moment_after_its_end() -> None:
    [certificate_, _old] = keyring().issuers

    assert not is_retired(certificate_, keyring=keyring(), now=NOW + 400 * DAY)
    assert is_retired(certificate_, keyring=keyring(), now=NOW + 400 * DAY + timedelta(seconds=1))


def test_a_checkpoint_of_the_root_vouches_for_what_a_retired_key_signed() -> None:
    jws = document(OLD)

    assert judged(jws, issued_at=NOW - 30 * DAY, proof=proved(jws)).public == OLD.public


def test_a_proof_of_another_document_another_root_or_a_mere_head_does_not() -> None:
    jws, other = document(OLD), document(ISSUER)
    entries = [canonical_json({"kind": "licence", "at": 9, "hash": document_hash(jws)})]
    by_old = LogProof(
        entry=entries[0],
        index=0,
        path=(),
        head=sign_head(
            issuer=OLD,
            kid=OLD.public.thumbprint,
            tree_size=1,
            root=leaf_hash(entries[0]),
            chain=chain_hash(CHAIN_START, entries[0]),
            now=NOW,
        ),
    )
    for proof in (proved(other), proved(jws, root=OLD), by_old):
        with pytest.raises(OnlineNeededError):
            judged(jws, issued_at=NOW - 30 * DAY, proof=proof)


def test_a_head_is_no_checkpoint_and_a_checkpoint_no_head() -> None:
    checkpoint = proved(document(OLD)).head

    assert verify_checkpoint(checkpoint, root_public=ROOT.public).tree_size == 6
    with pytest.raises(AuthenticationError):
        verify_head(checkpoint, issuer_public=ROOT.public)
    with pytest.raises(AuthenticationError):
        verify_checkpoint(document(ROOT), root_public=ROOT.public)
