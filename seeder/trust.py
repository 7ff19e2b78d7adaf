"""What of the shop's documents this device believes: those of a key that the root vouches for."""

from __future__ import annotations

from datetime import datetime

from drm.audit import LogProof
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.issuer import IssuerCertificate
from drm.lease import Lease, verify_lease
from drm.licence import LicenceClaims, peek_licence
from drm.manifest import Manifest, package_id, read_manifest
from drm.status import Status, read_status, verify_status
from drm.surrender import SurrenderRequest, verify_surrender_request
from drm.trust import judge
from drm.unlock import Unlock, read_unlock
from seeder.errors import LicenceRefusedError
from seeder.shops import Shop

__all__ = [
    "certified_lease",
    "certified_licence",
    "certified_manifest",
    "certified_status",
    "certified_surrender_request",
    "certified_unlock",
    "judged_licence",
    "stored_status",
]


def certified_manifest(jws: bytes, shop: Shop, *, package: str) -> Manifest:
    """Read a manifest that a certified issuer signed and that hashes to the package's id.

    Raises LicenceRefusedError (changed_bytes).
    """
    failure: DrmError | None = None
    if package_id(jws) == package:
        try:
            return read_manifest(jws, issuer_public=_issuer(jws, shop).public)
        except (AuthenticationError, FormatError) as error:
            failure = error
    raise LicenceRefusedError(
        "The list of this content's files holds changed bytes: it is not the one that the "
        "shop signed. Connect to the shop, and it is fetched again.",
        code="changed_bytes",
    ) from failure


def certified_licence(jws: str, shop: Shop) -> tuple[LicenceClaims, IssuerCertificate]:
    """Read a licence that an issuer signed while its certificate was valid.

    The time of issue counts, not today: an old certificate's end takes nothing from
    anyone. Raises drm's AuthenticationError or FormatError.
    """
    issuer = _issuer(jws, shop)
    claims = peek_licence(jws, issuer_public=issuer.public)
    issuer.require_issued_within(claims.issued_at)
    return claims, issuer


def judged_licence(
    jws: str, shop: Shop, *, now: datetime, stored: bool, proof: LogProof | None
) -> tuple[LicenceClaims, IssuerCertificate]:
    """As certified_licence, and not of a retired issuer, unless this device has `stored` it
    before (seeder.stored) or `proof` shows it in what the root signed of the log.

    Raises drm's errors, OnlineNeededError (retired_issuer) among them.
    """
    claims, _ = certified_licence(jws, shop)
    issuer = judge(
        jws,
        issued_at=claims.issued_at,
        keyring=shop.ring,
        now=now,
        stored=stored,
        proof=proof,
        root_public=shop.root_public,
    )
    return claims, issuer


def certified_lease(
    jws: str, shop: Shop, *, licence: str, device: str, nonce: str | None, now: datetime | None
) -> Lease:
    """Read a lease of `licence` (its JWS) for a device's thumbprint; `nonce` and `now` are None
    for one that was verified when it came, and kept.

    Raises drm's errors, OnlineNeededError (retired_issuer) among them for one that has just come.
    """
    issuer = _issuer(jws, shop)
    lease = verify_lease(
        jws, issuer_public=issuer.public, licence=licence, device=device, nonce=nonce
    )
    _require_fresh(jws, shop, lease.issued_at, now=now)
    return lease


def certified_status(
    jws: str, shop: Shop, *, licence_id: str, nonce: str, now: datetime, lowest_sequence: int = 0
) -> Status:
    """Read the answer to our question about a licence, or about "device:<thumbprint>".

    `lowest_sequence` is that of the last word which was believed: an older one is refused, and
    so is one by a retired issuer. Raises drm's errors.
    """
    issuer = _issuer(jws, shop)
    status = verify_status(
        jws,
        issuer_public=issuer.public,
        licence_id=licence_id,
        nonce=nonce,
        now=now,
        lowest_sequence=lowest_sequence,
    )
    _require_fresh(jws, shop, status.issued_at, now=now)
    return status


def certified_surrender_request(
    jws: str, shop: Shop, *, device: str, nonce: str, now: datetime
) -> SurrenderRequest:
    """Read the shop's request that this device (its thumbprint) gives a licence back.

    Raises drm's errors, also for one by a retired issuer: then nothing is given back.
    """
    issuer = _issuer(jws, shop)
    request = verify_surrender_request(jws, issuer_public=issuer.public, device=device, nonce=nonce)
    _require_fresh(jws, shop, request.issued_at, now=now)
    return request


def certified_unlock(jws: str | bytes, shop: Shop, *, now: datetime | None) -> Unlock:
    """Read an unlock document that an issuer signed while its certificate was valid.

    `now` is None for one that was kept when it came, or lies in a kit: a retired issuer's
    counts then, and a forged one opens nothing. One that has just come must not take the
    place of what is kept, so there it does not. Raises drm's errors.
    """
    issuer = _issuer(jws, shop)
    unlock = read_unlock(jws, issuer_public=issuer.public)
    _require_fresh(jws, shop, unlock.issued_at, now=now)
    return unlock


def stored_status(jws: str | bytes, shop: Shop) -> Status:
    """Read a status that was believed when it came: the end of its issuer's time changes nothing.

    Raises drm's AuthenticationError or FormatError.
    """
    text = jws if isinstance(jws, str) else jws.decode("utf-8", "replace")
    return read_status(text, issuer_public=_issuer(text, shop).public)


def _issuer(document: str | bytes, shop: Shop) -> IssuerCertificate:
    return shop.ring.certificate(document)


def _require_fresh(
    jws: str | bytes, shop: Shop, issued_at: datetime, *, now: datetime | None
) -> None:
    """Refuse what a retired issuer is said to have signed just now; `now` is None for what
    was believed before. Raises AuthenticationError, OnlineNeededError (retired_issuer)."""
    judge(
        jws,
        issued_at=issued_at,
        keyring=shop.ring,
        now=now or issued_at,
        stored=now is None,
        proof=None,
        root_public=shop.root_public,
    )
