"""The audit log as others see it: its latest head, what the root signed of it, and the proofs
that it only ever grew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext as _

from drm.audit import (
    Head,
    LogProof,
    consistency_path,
    inclusion_path,
    tree_root,
    verify_checkpoint,
)
from drm.encoding import b64u, from_b64u
from drm.errors import DrmError
from drm.keys import IdentityPublicKey
from drm.signed import document_hash
from marketplace.licensing.audit_models import AuditEntry, AuditHead
from marketplace.licensing.errors import LogSizeUnknownError
from marketplace.licensing.models import Licence
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import RootRefusedError
from marketplace.packaging.types import LogState

__all__ = [
    "checkpoint_faults",
    "checkpoint_proof_of",
    "log_state",
    "public_head",
    "require_own_log",
]

A_DAY = 24 * 3600


def public_head(*, since: int | None) -> dict[str, Any]:
    """The latest head and checkpoint, with the paths that lead to the head from the
    checkpoint and from the size `since`, which must be that of a head or a checkpoint.

    Raises LogSizeUnknownError for another: a path takes a walk over the log, and the signed
    sizes are few enough to be remembered.
    """
    head, checkpoint = AuditHead.objects.last(), packaging.checkpoint()
    size = head.tree_size if head is not None else 0
    if since is not None and since not in _signed_sizes():
        raise LogSizeUnknownError(
            _("This shop never signed its log at that size. Keep what you have: it is evidence.")
        )
    signed = _size_of(checkpoint)
    return {
        "head": head.jws if head is not None else None,
        "checkpoint": checkpoint or None,
        "consistency": _path(since, size) if since is not None else None,
        "checkpoint_consistency": _path(signed, size) if signed else None,
    }


def checkpoint_proof_of(licence: Licence) -> LogProof | None:
    """That the log names the licence, under what the root signed; None where it does not yet."""
    checkpoint = packaging.checkpoint()
    entry = AuditEntry.objects.filter(document=document_hash(licence.jws)).last()
    size = _size_of(checkpoint)
    if entry is None or size <= entry.index:
        return None
    path = inclusion_path(_leaves(size), entry.index)
    return LogProof(entry=entry.body.encode(), index=entry.index, path=path, head=checkpoint)


def log_state() -> LogState | None:
    """The log as it is, and that it continues the last checkpoint; None where it is empty."""
    last = AuditEntry.objects.last()
    if last is None:
        return None
    size = last.index + 1
    leaves, signed = _leaves(size), _size_of(packaging.checkpoint())
    consistent = consistency_path(leaves, signed) if 0 < signed <= size else ()
    chain = from_b64u(last.chain)
    return LogState(size=size, root=tree_root(leaves), chain=chain, consistency=consistent)


def require_own_log(head: Head) -> None:
    """Raises RootRefusedError where the root signed a log that is not this shop's."""
    last = AuditEntry.objects.filter(index=head.tree_size - 1).first()
    if (
        last is None
        or b64u(head.chain) != last.chain
        or tree_root(_leaves(head.tree_size)) != head.root
    ):
        raise RootRefusedError(
            "The checkpoint is of another log than this shop's. Nothing was taken in: ask anew."
        )


def checkpoint_faults(leaves: Sequence[bytes], chains: Sequence[bytes]) -> Iterator[str]:
    """Each checkpoint that does not fit the log of these leaves and chains, as a sentence."""
    for size, jws, root_key in packaging.checkpoints():
        if size > len(leaves):
            yield f"Checkpoint {size} covers entries that are missing."
            continue
        try:
            head = verify_checkpoint(
                jws, root_public=IdentityPublicKey.from_bytes(from_b64u(root_key))
            )
        except DrmError as error:
            yield f"Checkpoint {size} is not signed by a root of this shop: {error}"
            continue
        signed = (head.tree_size, head.root, head.chain)
        if signed != (size, tree_root(leaves[:size]), chains[size]):
            yield f"Checkpoint {size} was signed over other entries."


def _signed_sizes() -> set[int]:
    heads = AuditHead.objects.values_list("tree_size", flat=True)
    return {*heads, *(size for size, _jws, _root in packaging.checkpoints())}


def _path(old: int, new: int) -> list[str] | None:
    """The consistency path; None where the newer size is below: a checkpoint may run ahead."""
    if old > new:
        return None
    name = f"audit-path:{old}:{new}"
    found: list[str] | None = cache.get(name)
    if found is None:
        found = [b64u(sibling) for sibling in consistency_path(_leaves(new), old)]
        cache.set(name, found, A_DAY)
    return found


def _size_of(checkpoint: str) -> int:
    """The size that a checkpoint of our own root covers; 0 for none."""
    root = packaging.current_root()
    if not checkpoint or root is None:
        return 0
    public = IdentityPublicKey.from_bytes(from_b64u(root.public_key))
    return verify_checkpoint(checkpoint, root_public=public).tree_size


def _leaves(size: int) -> list[bytes]:
    rows = AuditEntry.objects.filter(index__lt=size).values_list("leaf", flat=True)
    return [from_b64u(leaf) for leaf in rows]
