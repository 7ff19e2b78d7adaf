"""Writing the audit log, signing its heads, proving from it, and checking it whole."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from drm.audit import (
    CHAIN_START,
    LogProof,
    chain_hash,
    inclusion_path,
    leaf_hash,
    sign_head,
    tree_root,
    verify_head,
)
from drm.encoding import b64u, canonical_json, from_b64u, parse_object, time_to_claim
from drm.errors import DrmError
from drm.signed import document_hash, key_hint
from marketplace.licensing.audit_models import AuditEntry, AuditHead, AuditLock
from marketplace.licensing.checkpoints import checkpoint_faults
from marketplace.licensing.errors import ProofNotReadyError
from marketplace.licensing.models import Licence
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import CustodyError

__all__ = ["faults", "proof_of", "record", "sign_log"]

logger = logging.getLogger(__name__)

_DAY = 86_400


@transaction.atomic
def record(
    *, kind: str, body: Mapping[str, Any], now: dt.datetime, day_only: bool = False
) -> AuditEntry:
    """Append an entry in the caller's transaction: both happen, or neither.

    With `day_only` the entry names the beginning of the UTC day instead of the second.
    `body` names what happened, a document by its "hash". The first entry of a new UTC day
    signs the head over all before it; where custody is damaged, the head waits for
    `manage.py audit sign`.
    """
    if _day_is_over(AuditEntry.objects.last(), now):
        _ready_issuer(now)
    _lock()
    last = AuditEntry.objects.last()
    # Asked again: whoever held the lock before may have begun the day.
    if _day_is_over(last, now):
        try:
            _sign(now)
        except CustodyError:
            logger.exception("the head of the audit log could not be signed")
    at = time_to_claim(now)
    if day_only:
        at -= at % _DAY
    entry = canonical_json({**body, "kind": kind, "at": at})
    previous = from_b64u(last.chain) if last is not None else CHAIN_START
    return AuditEntry.objects.create(
        index=last.index + 1 if last is not None else 0,
        body=entry.decode(),
        document=body.get("hash", ""),
        leaf=b64u(leaf_hash(entry)),
        chain=b64u(chain_hash(previous, entry)),
    )


@transaction.atomic
def sign_log(*, now: dt.datetime) -> AuditHead | None:
    """Sign the head over every entry; None where there is none. Raises CustodyError."""
    packaging.issuer(now=now)
    _lock()
    return _sign(now)


def proof_of(licence: Licence) -> LogProof:
    """That the log names the licence, under the latest head. Raises ProofNotReadyError."""
    entry = AuditEntry.objects.filter(document=document_hash(licence.jws)).last()
    head = AuditHead.objects.last()
    if entry is None or head is None or head.tree_size <= entry.index:
        raise ProofNotReadyError(
            _("The head of the log that covers this licence is not signed yet. Ask tomorrow.")
        )
    path = inclusion_path(_leaves(head.tree_size), entry.index)
    return LogProof(entry=entry.body.encode(), index=entry.index, path=path, head=head.jws)


def faults() -> Iterator[str]:
    """Check the log whole: each fault as a sentence with its index; none where all is well."""
    leaves: list[bytes] = []
    chains = [CHAIN_START]
    documents = set()
    for row in AuditEntry.objects.iterator():
        entry = row.body.encode()
        if row.index != len(leaves):
            yield f"Entry {len(leaves)} is missing or out of place: entry {row.index} follows."
            return
        leaves.append(leaf_hash(entry))
        chains.append(chain_hash(chains[-1], entry))
        if row.leaf != b64u(leaves[-1]):
            yield f"Entry {row.index} was changed: its hash is another."
        if row.chain != b64u(chains[-1]):
            yield f"Entry {row.index} does not follow on the one before it."
        named = _named(entry)
        if row.document != named:
            yield f"Entry {row.index} is filed under another document."
        documents.add(named)
    yield from _head_faults(leaves, chains)
    yield from checkpoint_faults(leaves, chains)
    for licence in Licence.objects.order_by("pk").iterator():
        if document_hash(licence.jws) not in documents:
            yield f"Licence {licence.pk} does not stand in the log."


def _head_faults(leaves: list[bytes], chains: list[bytes]) -> Iterator[str]:
    for row in AuditHead.objects.all():
        size = row.tree_size
        if size > len(leaves):
            yield f"Head {size} covers entries that are missing: the log ends at {len(leaves)}."
            continue
        try:
            issuer = packaging.issuer_certificate(key_hint(row.jws))
            head = verify_head(row.jws, issuer_public=issuer.public)
            issuer.require_issued_within(head.issued_at)
        except (DrmError, CustodyError) as error:
            yield f"Head {size} is not signed by this shop: {error}"
            continue
        signed = (head.tree_size, head.root, head.chain)
        if signed != (size, tree_root(leaves[:size]), chains[size]) or row.root != b64u(head.root):
            yield f"Head {size} was signed over other entries."


def _sign(now: dt.datetime) -> AuditHead | None:
    """The head over all entries, signed where it is not; the caller holds the lock."""
    last = AuditEntry.objects.last()
    if last is None:
        return None
    size = last.index + 1
    present: AuditHead | None = AuditHead.objects.filter(tree_size=size).first()
    if present is not None:
        return present
    packaging.warn_of_end(now=now)
    issuer, root, chain = packaging.issuer(now=now), tree_root(_leaves(size)), from_b64u(last.chain)
    jws = sign_head(
        issuer=issuer.key, kid=issuer.kid, tree_size=size, root=root, chain=chain, now=now
    )
    day = now.astimezone(dt.UTC).date()
    head = AuditHead(tree_size=size, root=b64u(root), jws=jws, day=day)
    head.save()
    packaging.sign_own_checkpoint(tree_size=size, root=root, chain=chain, now=now)
    return head


def _leaves(size: int) -> list[bytes]:
    rows = AuditEntry.objects.filter(index__lt=size).values_list("leaf", flat=True)
    return [from_b64u(leaf) for leaf in rows]


def _named(entry: bytes) -> str:
    try:
        return str(parse_object(entry).get("hash", ""))
    except DrmError:
        return ""


def _day_is_over(last: AuditEntry | None, now: dt.datetime) -> bool:
    if last is None:
        return False
    at = parse_object(last.body.encode())["at"]
    return dt.datetime.fromtimestamp(at, tz=dt.UTC).date() < now.astimezone(dt.UTC).date()


def _ready_issuer(now: dt.datetime) -> None:
    """Renew the issuer before the lock is taken: that holds the root's row, always first."""
    with contextlib.suppress(CustodyError):
        packaging.issuer(now=now)


def _lock() -> None:
    # The row is made at the first need; who makes it second waits for the first one.
    AuditLock.objects.get_or_create(pk=1)
    AuditLock.objects.select_for_update().get(pk=1)
