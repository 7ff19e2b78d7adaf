"""The activation secret in shares, so that K of N trustees together can end a shop's service
(docs/format-v1.md, section 17.3).

Shamir's scheme alone turns a wrong share into a wrong secret without a word. So each share is
signed, tells which set it is of, and the result is compared with the commitment.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from Crypto.Protocol.SecretSharing import Shamir

from drm.encoding import b64u, from_b64u, member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError
from drm.keys import KEY_SIZE, IdentityKey, IdentityPublicKey
from drm.signed import require_version, sign, verify
from drm.unlock import ActivationSecret

__all__ = ["MAX_TRUSTEES", "Share", "combine", "read_share", "split"]

KIND: Final = "geobuk-share+jws"
VERSION: Final = 1
KNOWN: Final = frozenset(
    {"v", "iat", "set", "index", "threshold", "total", "share", "commitment", "crit"}
)
MAX_TRUSTEES: Final = 255
HALF: Final = 16  # bytes: what the library splits at once, in GF(2^128)


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share, verified. `index` counts from 1; `threshold` of the `total` suffice."""

    set_id: str
    issued_at: datetime
    index: int
    threshold: int
    total: int
    commitment: bytes
    value: bytes = field(repr=False)


def split(
    secret: ActivationSecret,
    *,
    threshold: int,
    total: int,
    signer: IdentityKey,
    kid: str,
    now: datetime,
) -> list[str]:
    """Return `total` signed shares of `secret`, of which any `threshold` give it back.

    Raises FormatError for a threshold below 2 or above `total`.
    """
    if not 2 <= threshold <= total <= MAX_TRUSTEES:
        raise FormatError(
            f"Choose at least 2 and at most {MAX_TRUSTEES} trustees, and let at least 2 of them, "
            "at most all, be needed."
        )
    value = secret.to_bytes()
    # Two polynomials with coefficients of their own: less than K shares tell of neither half.
    first = Shamir.split(threshold, total, value[:HALF])
    second = Shamir.split(threshold, total, value[HALF:])
    set_id = secrets.token_hex(16)
    shares = []
    for (index, left), (_same, right) in zip(first, second, strict=True):
        claims: dict[str, Any] = {
            "v": VERSION,
            "iat": time_to_claim(now),
            "set": set_id,
            "index": index,
            "threshold": threshold,
            "total": total,
            "share": b64u(left + right),
            "commitment": b64u(secret.commitment),
        }
        shares.append(sign(claims, key=signer, kind=KIND, header={"kid": kid}))
    return shares


def read_share(jws: str | bytes, *, signer_public: IdentityPublicKey) -> Share:
    """Return a share that the shop signed. Raises AuthenticationError, FormatError."""
    claims = verify(jws, public=signer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    share = Share(
        set_id=member(claims, "set", str),
        issued_at=time_from(claims, "iat"),
        index=member(claims, "index", int),
        threshold=member(claims, "threshold", int),
        total=member(claims, "total", int),
        commitment=from_b64u(claims.get("commitment")),
        value=from_b64u(claims.get("share")),
    )
    numbers = (
        1 <= share.index <= share.total <= MAX_TRUSTEES and 2 <= share.threshold <= share.total
    )
    if not numbers or len(share.value) != 2 * HALF or len(share.commitment) != KEY_SIZE:
        raise FormatError("A share contradicts itself. Ask the trustee for the file again.")
    return share


def combine(
    shares: Sequence[str | bytes], *, signer_public: IdentityPublicKey, commitment: bytes | None
) -> ActivationSecret:
    """Return the secret of enough shares of one set; more than enough do no harm.

    `commitment` is the one that unlock documents name, None where none is at hand. Raises
    AuthenticationError for a share that the shop did not sign or that is another secret's,
    FormatError for shares that are too few, repeated or of several sets.
    """
    read: list[Share] = []
    for position, jws in enumerate(shares, start=1):
        try:
            read.append(read_share(jws, signer_public=signer_public))
        except AuthenticationError as error:
            raise AuthenticationError(
                f"Share number {position} of those given was not signed by this shop, or was "
                "changed. Ask the trustee for the file again."
            ) from error
    _require_set(read)
    chosen = read[: read[0].threshold]
    halves = [
        Shamir.combine([(share.index, share.value[at : at + HALF]) for share in chosen])
        for at in (0, HALF)
    ]
    secret = ActivationSecret(b"".join(halves))
    wanted = chosen[0].commitment if commitment is None else commitment
    if not hmac.compare_digest(secret.commitment, wanted):
        raise AuthenticationError(
            "These shares make another secret than the one the shop committed to. "
            "Ask the trustees for the shares of this shop."
        )
    return secret


def _require_set(shares: Sequence[Share]) -> None:
    if not shares:
        raise FormatError("No share was given. Give the files of the trustees.")
    first = shares[0]
    for share in shares[1:]:
        same = (share.set_id, share.threshold, share.total, share.commitment)
        if same != (first.set_id, first.threshold, first.total, first.commitment):
            raise FormatError(
                f"Share {share.index} is of another set than share {first.index}. "
                "Shares that were made at different times do not go together."
            )
    seen: set[int] = set()
    for share in shares:
        if share.index in seen:
            raise FormatError(
                f"Share {share.index} was given twice. Leave one out, and ask another trustee."
            )
        seen.add(share.index)
    missing = first.threshold - len(shares)
    if missing > 0:
        raise FormatError(
            f"{first.threshold} shares are needed and {len(shares)} were given: "
            f"{missing} {'is' if missing == 1 else 'are'} missing. Ask more trustees."
        )
