"""The shop's signed word on a licence, fresh by the asker's nonce (docs/format-v1.md, section 7).

After Readium LSD, but signed: nobody on the way can bring a revoked licence back to life.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from drm.encoding import member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError, RevokedError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import require_nonce, require_version, sign, verify

__all__ = [
    "REASONS",
    "STATUSES",
    "Status",
    "device_id",
    "read_status",
    "sign_status",
    "verify_status",
]

KIND: Final = "geobuk-status+jws"
VERSION: Final = 1
KNOWN: Final = frozenset(
    {"v", "id", "status", "message", "updated", "iat", "nonce", "sequence", "reason", "crit"}
)
# Section 7.2, after Readium LSD.
STATUSES: Final = frozenset({"ready", "active", "revoked", "returned", "cancelled", "expired"})
OPEN_STATUSES: Final = frozenset({"ready", "active"})
# Section 7.3; "" where there is none to give.
REASONS: Final = frozenset(
    {
        "",
        "refund",
        "chargeback",
        "unpaid",
        "device_removed",
        "lent",
        "transferred",
        "returned",
        "expired",
    }
)
_HIGHEST: Final = 2**53 - 1  # RFC 8259, section 6: what every reader of JSON keeps exact


def device_id(thumbprint: str) -> str:
    """The `id` under which a status speaks of a device instead of a licence."""
    return f"device:{thumbprint}"


@dataclass(frozen=True, kw_only=True)
class Status:
    """What the shop said; of two words on one licence that of the higher `sequence` counts."""

    licence_id: str
    status: str
    message: str
    updated: datetime
    issued_at: datetime
    nonce: str
    sequence: int = 0
    reason: str = ""
    clock_skew: timedelta = timedelta(0)  # the shop's clock minus the asker's

    @property
    def open(self) -> bool:
        """Whether the licence stands."""
        return self.status in OPEN_STATUSES

    def require_open(self) -> None:
        """Raises RevokedError, with the shop's own sentence, unless the licence stands."""
        if not self.open:
            raise RevokedError(*filter(None, [self.message]))


def sign_status(  # noqa: PLR0913 - a status says this much, and each by its name
    *,
    issuer: IdentityKey,
    kid: str,
    licence_id: str,
    status: str,
    message: str,
    now: datetime,
    updated: datetime,
    nonce: str,
    sequence: int = 0,
    reason: str = "",
) -> str:
    """Return the status of a licence, signed, for whoever asked with `nonce`.

    `sequence` grows with each change (section 7.3); `reason` is one of REASONS. Raises
    FormatError for a status, a reason, a sequence or a nonce that there is not.
    """
    if status not in STATUSES:
        raise FormatError(f"“{status}” is not a status of a licence.")
    if reason not in REASONS:
        raise FormatError(f"“{reason}” is not a reason for a status.")
    if not 0 <= sequence <= _HIGHEST:
        raise FormatError("A sequence is a whole number from 0 to 2^53 - 1.")
    require_nonce(nonce)
    claims: dict[str, object] = {
        "v": VERSION,
        "id": licence_id,
        "status": status,
        "message": message,
        "updated": time_to_claim(updated),
        "iat": time_to_claim(now),
        "nonce": nonce,
    }
    if sequence:
        claims["sequence"] = sequence
    if reason:
        claims["reason"] = reason
    return sign(claims, key=issuer, kind=KIND, header={"kid": kid})


def verify_status(
    jws: str,
    *,
    issuer_public: IdentityPublicKey,
    licence_id: str,
    nonce: str,
    now: datetime,
    lowest_sequence: int = 0,
) -> Status:
    """Return the status that `issuer_public` signed for this licence and this question.

    The nonce proves that it is fresh, so a wrong clock here refuses nothing. Raises
    AuthenticationError for another licence, an older answer, another signer, or a word
    older than the one of `lowest_sequence`, which the asker has seen.
    """
    require_nonce(nonce)
    status = read_status(jws, issuer_public=issuer_public)
    if status.licence_id != licence_id:
        raise AuthenticationError("The shop answered about another licence. Ask again.")
    if not hmac.compare_digest(status.nonce.encode(), nonce.encode()):
        raise AuthenticationError("This is the answer to an older question. Ask the shop again.")
    if status.sequence < lowest_sequence:
        raise AuthenticationError(
            "The shop's word is older than one that is known here, so it was not used. Ask again."
        )
    return replace(status, clock_skew=status.issued_at - now)


def read_status(jws: str, *, issuer_public: IdentityPublicKey) -> Status:
    """Return a status that was verified when it came, and kept: its signature, not its freshness.

    Raises AuthenticationError for another signer, FormatError where it cannot be read.
    """
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    status = member(claims, "status", str)
    if status not in STATUSES:
        raise FormatError("The shop sent an unknown status. Update this program.")
    sequence = member(claims, "sequence", int) if "sequence" in claims else 0
    if not 0 <= sequence <= _HIGHEST:
        raise FormatError("The shop sent a status with a sequence that is none.")
    return Status(
        licence_id=member(claims, "id", str),
        status=status,
        message=member(claims, "message", str),
        updated=time_from(claims, "updated"),
        issued_at=time_from(claims, "iat"),
        nonce=member(claims, "nonce", str),
        sequence=sequence,
        # A reason of a later version is a reason all the same: it is shown, never decided by.
        reason=member(claims, "reason", str) if "reason" in claims else "",
    )
