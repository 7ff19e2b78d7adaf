"""Receipts and claims: what a device got from whom, and what it sent to whom, as it signs it
(docs/protocol-v1.md, "Receipts").

Each document is one link of a chain: it names the one before, so a shop that has taken one
knows its only successor, and a missing or rewritten link shows. Counts are totals since the
device first met a label, never differences: a document that is heard twice adds nothing, and
one that is lost takes nothing away.

A signature proves who says it, not that it is so: what both sides say alike counts.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from drm.encoding import from_b64u, member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import document_hash, require_version, sign, verify

__all__ = [
    "MAX_COUNTS",
    "Count",
    "Link",
    "Receipts",
    "following",
    "is_link",
    "may_count",
    "sign_receipts",
    "verify_receipts",
]

KIND: Final = "geobuk-receipts+jws"
VERSION: Final = 1
KNOWN: Final = frozenset(
    {"v", "device", "chain", "seq", "prev", "iat", "receipts", "claims", "crit"}
)
# Of receipts and claims together: about 150 KiB as a signed text. What is more waits.
MAX_COUNTS: Final = 1000
CHAIN_BYTES: Final = 16
_PACKAGE = re.compile(r"[0-9a-f]{64}")
_LABEL = re.compile(r"[A-Za-z0-9]{20}")
_NUMBER = 2**53  # beyond it a JSON number is not exact (RFC 7493, section 2.2)


@dataclass(frozen=True, slots=True)
class Count:
    """Payload bytes of a package that went between the signer and the peer of this label."""

    package_id: str
    label: str
    total: int


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a device's chain: its id, the number of the document, the document's hash."""

    chain: str
    sequence: int
    hash: str


@dataclass(frozen=True, kw_only=True)
class Receipts:
    """One signed document. `previous` is the hash of the one before, None of the first."""

    device: str
    link: Link
    previous: str | None
    issued_at: datetime
    receipts: tuple[Count, ...]
    claims: tuple[Count, ...]


def following(document: Receipts, *, head: Link) -> bool:
    """Whether `document` is the only one that may come after `head` in its chain."""
    return (
        document.link.chain == head.chain
        and document.link.sequence == head.sequence + 1
        and document.previous == head.hash
    )


def may_count(count: Count) -> bool:
    """Whether a document can hold this count."""
    try:
        _count(_written(count))
    except FormatError:
        return False
    return True


def is_link(link: Link) -> bool:
    """Whether this can be a place in a chain."""
    try:
        sizes = len(from_b64u(link.chain)), len(from_b64u(link.hash))
    except FormatError:
        return False
    return sizes == (CHAIN_BYTES, 32) and 1 <= link.sequence < _NUMBER


def sign_receipts(
    *,
    identity: IdentityKey,
    chain: str,
    head: Link | None,
    receipts: Sequence[Count],
    claims: Sequence[Count],
    now: datetime,
) -> str:
    """Return the document that comes after `head`, or with None the first of `chain`.

    `chain` is 16 random bytes in base64url. Raises FormatError for a count that is none, a pair
    of package and label that comes twice, too many of them, or the head of another chain.
    """
    if head is not None and head.chain != chain:
        raise FormatError("A document continues the chain that it stands in.")
    claimed = {
        "v": VERSION,
        "device": identity.public.thumbprint,
        "chain": chain,
        "seq": 1 if head is None else head.sequence + 1,
        "prev": None if head is None else head.hash,
        "iat": time_to_claim(now),
        "receipts": [_written(count) for count in receipts],
        "claims": [_written(count) for count in claims],
    }
    _read(claimed, "")  # what a reader would refuse is never signed
    return sign(claimed, key=identity, kind=KIND, header={"kid": identity.public.thumbprint})


def verify_receipts(jws: str, *, identity_public: IdentityPublicKey) -> Receipts:
    """Return what the device of `identity_public` signed.

    Raises AuthenticationError for another signer or another device's document, FormatError for
    what is no such document: also for a count that is not positive, or past 2⁵³−1.
    """
    claims = verify(jws, public=identity_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    device = member(claims, "device", str)
    if not hmac.compare_digest(device.encode(), identity_public.thumbprint.encode()):
        raise AuthenticationError("These are the receipts of another device. Send your own.")
    return _read(claims, document_hash(jws))


def _read(claims: Mapping[str, Any], own_hash: str) -> Receipts:
    sequence = member(claims, "seq", int)
    if not 1 <= sequence < _NUMBER:
        raise FormatError("“seq” counts the documents of a chain from 1 on.")
    if "prev" not in claims:
        raise FormatError("“prev” is missing. The first document of a chain has null there.")
    previous = None if claims["prev"] is None else _bytes_of(claims, "prev", 32)
    if (previous is None) != (sequence == 1):
        raise FormatError("The first document of a chain, and it alone, has no predecessor.")
    receipts, counted = _counts(claims, "receipts"), _counts(claims, "claims")
    if len(receipts) + len(counted) > MAX_COUNTS:
        raise FormatError(f"A document holds at most {MAX_COUNTS} counts. Send several.")
    return Receipts(
        device=member(claims, "device", str),
        link=Link(_bytes_of(claims, "chain", CHAIN_BYTES), sequence, own_hash),
        previous=previous,
        issued_at=time_from(claims, "iat"),
        receipts=receipts,
        claims=counted,
    )


def _counts(claims: Mapping[str, Any], name: str) -> tuple[Count, ...]:
    counts = tuple(_count(value) for value in member(claims, name, list))
    _require_once(counts)
    return counts


def _count(value: object) -> Count:
    if not isinstance(value, Mapping):
        raise FormatError("A count is an object with “package”, “label” and “bytes”.")
    package_id, label = member(value, "package", str), member(value, "label", str)
    total = member(value, "bytes", int)
    if _PACKAGE.fullmatch(package_id) is None:
        raise FormatError("A package is named by 64 hexadecimal digits.")
    if _LABEL.fullmatch(label) is None:
        raise FormatError("A label is 20 letters and digits.")
    if not 1 <= total < _NUMBER:
        raise FormatError("A count of bytes is a whole number from 1 to 2⁵³−1.")
    return Count(package_id, label, total)


def _require_once(counts: Iterable[Count]) -> None:
    seen: set[tuple[str, str]] = set()
    for count in counts:
        pair = (count.package_id, count.label)
        if pair in seen:
            raise FormatError("A package and a label are counted twice in one document.")
        seen.add(pair)


def _written(count: Count) -> dict[str, Any]:
    return {"package": count.package_id, "label": count.label, "bytes": count.total}


def _bytes_of(claims: Mapping[str, Any], name: str, size: int) -> str:
    text = member(claims, name, str)
    if len(from_b64u(text)) != size:
        raise FormatError(f"“{name}” is not {size} bytes in base64url.")
    return text
