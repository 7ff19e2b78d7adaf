"""The shop's signed word on a licence, fresh by the asker's nonce (docs/format-v1.md, section 7).

After Readium LSD, but signed: nobody on the way can bring a revoked licence back to life.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from drm.encoding import member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError, RevokedError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import require_version, sign, verify

__all__ = ["STATUSES", "Status", "sign_status", "verify_status"]

KIND: Final = "geobuk-status+jws"
VERSION: Final = 1
KNOWN: Final = frozenset({"v", "id", "status", "message", "updated", "iat", "nonce", "crit"})
# Section 7.2, after Readium LSD.
STATUSES: Final = frozenset({"ready", "active", "revoked", "returned", "cancelled", "expired"})
OPEN_STATUSES: Final = frozenset({"ready", "active"})


@dataclass(frozen=True, kw_only=True)
class Status:
    """What the shop said. `clock_skew` is its clock minus the asker's."""

    licence_id: str
    status: str
    message: str
    updated: datetime
    issued_at: datetime
    clock_skew: timedelta

    def require_open(self) -> None:
        """Raises RevokedError, with the shop's own sentence, unless the licence stands."""
        if self.status not in OPEN_STATUSES:
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
) -> str:
    """Return the status of a licence, signed, for whoever asked with `nonce`."""
    if status not in STATUSES:
        raise FormatError(f"“{status}” is not a status of a licence.")
    _check_nonce(nonce)
    claims = {
        "v": VERSION,
        "id": licence_id,
        "status": status,
        "message": message,
        "updated": time_to_claim(updated),
        "iat": time_to_claim(now),
        "nonce": nonce,
    }
    return sign(claims, key=issuer, kind=KIND, header={"kid": kid})


def verify_status(
    jws: str, *, issuer_public: IdentityPublicKey, licence_id: str, nonce: str, now: datetime
) -> Status:
    """Return the status that `issuer_public` signed for this licence and this question.

    The nonce proves that it is fresh, so a wrong clock here refuses nothing. Raises
    AuthenticationError for another licence, an older answer or another signer.
    """
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    _check_nonce(nonce)
    if member(claims, "id", str) != licence_id:
        raise AuthenticationError("The shop answered about another licence. Ask again.")
    if not hmac.compare_digest(member(claims, "nonce", str).encode(), nonce.encode()):
        raise AuthenticationError("This is the answer to an older question. Ask the shop again.")
    status = member(claims, "status", str)
    if status not in STATUSES:
        raise FormatError("The shop sent an unknown status. Update this program.")
    issued_at = time_from(claims, "iat")
    return Status(
        licence_id=licence_id,
        status=status,
        message=member(claims, "message", str),
        updated=time_from(claims, "updated"),
        issued_at=issued_at,
        clock_skew=issued_at - now,
    )


def _check_nonce(nonce: str) -> None:
    # Section 7.1: long enough that no two questions share one.
    if not 16 <= len(nonce) <= 128 or not nonce.isascii():
        raise FormatError("A nonce must have 16 to 128 ASCII characters. Ask with a new one.")
