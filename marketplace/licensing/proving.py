"""The proofs that the audit log names a device's licence."""

from __future__ import annotations

import uuid

from drm.audit import LogProof
from marketplace.accounts.types import Device, User
from marketplace.licensing.auditing import proof_of
from marketplace.licensing.checkpoints import checkpoint_proof_of
from marketplace.licensing.issuing import own_licence

__all__ = ["audit_proofs"]


def audit_proofs(
    *, user: User, device: Device, licence_id: uuid.UUID
) -> tuple[LogProof, LogProof | None]:
    """That the log names this device's licence: under the latest head, and under the latest
    checkpoint of the root, where that covers it.

    Raises LicenceNotFoundError, ProofNotReadyError until a head covers it.
    """
    licence = own_licence(user, device, licence_id)
    return proof_of(licence), checkpoint_proof_of(licence)
