"""Which issuer keys are believed, and for what (docs/format-v1.md, section 16.3).

Whoever steals the key of a retired issuer can sign what looks old. So such a key is believed
for what was here before, and for what the shop's root has seen in the audit log, alone.
"""

from __future__ import annotations

from datetime import datetime

from drm.audit import LogProof
from drm.errors import DrmError, OnlineNeededError
from drm.issuer import IssuerCertificate, Keyring
from drm.keys import IdentityPublicKey

__all__ = ["is_retired", "judge"]


def is_retired(certificate: IssuerCertificate, *, keyring: Keyring, now: datetime) -> bool:
    """Whether the key signs no more: the keyring says so, or its time is over."""
    return certificate.kid in keyring.retired or certificate.not_after < now


def judge(
    document: str | bytes,
    *,
    issued_at: datetime,
    keyring: Keyring,
    now: datetime,
    stored: bool,
    proof: LogProof | None,
    root_public: IdentityPublicKey,
) -> IssuerCertificate:
    """Return the certificate that vouches for `document`, which says it was issued at `issued_at`.

    The caller has read `issued_at` out of the document with the certificate's key
    (Keyring.certificate), and knows whether this very document was `stored` here while its
    issuer was believed. `proof` shows it in a checkpoint of the audit log.

    Raises AuthenticationError where no key of the keyring was vouched for at that time;
    OnlineNeededError (retired_issuer) where the key is retired and nothing but the
    document itself says when it was signed. Stored documents never depend on `now`.
    """
    certificate = keyring.certificate(document)
    certificate.require_issued_within(issued_at)
    if stored or not is_retired(certificate, keyring=keyring, now=now):
        return certificate
    if proof is None:
        raise OnlineNeededError("retired_issuer")
    text = document.decode("ascii") if isinstance(document, bytes) else document
    try:
        proof.verify_checkpoint(text, root_public=root_public)
    except DrmError as error:
        raise OnlineNeededError("retired_issuer") from error
    return certificate
