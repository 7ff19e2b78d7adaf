"""Taking what devices sign of their deliveries: in the order of their chains, once, and only
what can be theirs to say.

    head (chain, n, hash) ── document n+1 that names hash ──► head (chain, n+1, its hash)
                          ── the same document again ──────► nothing happens
                          ── n+2 or later ─────────────────► broken: gap
                          ── n or earlier, another one ────► broken: fork

A broken chain takes no more; the device begins another, in which it says its totals again.
Of two totals for the same pair the larger counts, never their sum, so a new chain, a replay
or a second telling earns nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from drm.encoding import from_b64u
from drm.errors import DrmError
from drm.keys import IdentityPublicKey
from drm.receipts import Count, Receipts, verify_receipts
from marketplace.accounts.types import Device, User
from marketplace.distribution.errors import ReceiptsBrokenError, ReceiptsRefusedError
from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.networks import note_network
from marketplace.distribution.receipt_models import Claim, Receipt, ReceiptChain
from marketplace.licensing import queries as licensing

__all__ = ["CHAINS_A_DAY", "NEW_A_DAY", "OWN", "Taken", "take_receipts"]

CHAINS_A_DAY: Final = 20  # a device that is set back to an old copy needs one each time
# Pairs of package and label that a device may begin in a day, of receipts and claims each; a
# seeder's book holds 4,000 at a time.
NEW_A_DAY: Final = 5000
# Such pairs within one account, ever: they earn nothing, and only take up room.
OWN: Final = 1000
_Broken = ReceiptChain.Broken
_Owners = dict[str, Device | None]


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction: its rows, and which of their two devices is the one that speaks."""

    rows: QuerySet[Any]
    mine: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The number of the document that was taken; how many of its counts are on record."""

    sequence: int
    counted: int


def take_receipts(
    *, user: User, device: Device, document: str, address: str | None, now: dt.datetime
) -> Taken:
    """Take one signed document of `device`, which asks from `address`.

    Counts are passed over where the package is not the user's to open (so after a refund),
    or the label is unknown, the device's own, or of a device that was removed; and those of
    new pairs where the device began NEW_A_DAY of them today, or OWN with its own account. Raises
    ReceiptsRefusedError for what this device did not sign or nobody can read, and
    ReceiptsBrokenError where the document does not continue the chain.
    """
    signed = _verified(device, document)
    try:
        with transaction.atomic():
            _advance(device, signed, now=now)
            note_network(device_id=device.pk, address=address, now=now)
            return Taken(signed.link.sequence, _keep(user, device, signed, now=now))
    except (_Discontinuous, IntegrityError):
        # Outside of the transaction, as what is refused is on record all the same.
        if not _was_taken(device, signed):
            raise ReceiptsBrokenError(
                _("These receipts do not continue what this device sent before. Begin a new chain.")
            ) from None
    return Taken(signed.link.sequence, 0)


class _Discontinuous(Exception):  # noqa: N818 - never leaves this module
    """The document is not the one that comes next."""


def _verified(device: Device, document: str) -> Receipts:
    public = IdentityPublicKey.from_bytes(from_b64u(device.identity_key))
    try:
        return verify_receipts(document, identity_public=public)
    except DrmError as error:
        raise ReceiptsRefusedError(
            _("These receipts cannot be read or are not this device's, so none was taken: %s")
            % error.message
        ) from error


def _advance(device: Device, signed: Receipts, *, now: dt.datetime) -> None:
    """Make `signed` the head of its chain, where it is the one to come; of two rivals one does."""
    own = ReceiptChain.objects.filter(device_id=device.pk, chain=signed.link.chain)
    # One statement that names what it continues, so no other can continue it, too.
    continued = own.filter(
        sequence=signed.link.sequence - 1, head=signed.previous or "", broken=_Broken.NO
    ).update(sequence=signed.link.sequence, head=signed.link.hash, updated_at=now)
    if not continued:
        if signed.link.sequence != 1 or own.exists():
            raise _Discontinuous
        _begin(device, signed, now=now)


def _begin(device: Device, signed: Receipts, *, now: dt.datetime) -> None:
    own = ReceiptChain.objects.filter(device_id=device.pk)
    if own.filter(began_at__gt=now - dt.timedelta(days=1)).count() >= CHAINS_A_DAY:
        raise ReceiptsBrokenError(
            _("This device has begun its receipts anew too often today. Try again tomorrow.")
        )
    own.filter(broken=_Broken.NO).update(broken=_Broken.LEFT)
    ReceiptChain.objects.create(
        device=device,
        chain=signed.link.chain,
        sequence=1,
        head=signed.link.hash,
        began_at=now,
        updated_at=now,
    )


def _was_taken(device: Device, signed: Receipts) -> bool:
    """Whether `signed` is the head, sent again; else note how it breaks a chain known here."""
    head = ReceiptChain.objects.filter(device_id=device.pk, chain=signed.link.chain).first()
    if head is None:
        return False
    if (head.sequence, head.head) == (signed.link.sequence, signed.link.hash):
        return True
    is_gap = signed.link.sequence > head.sequence + 1
    ReceiptChain.objects.filter(pk=head.pk, broken=_Broken.NO).update(
        broken=_Broken.GAP if is_gap else _Broken.FORK
    )
    return False


def _keep(user: User, device: Device, signed: Receipts, *, now: dt.datetime) -> int:
    packages = licensing.packages_of(user)
    told = [*signed.receipts, *signed.claims]
    owners = _owners({count.label for count in told})

    def believable(counts: Sequence[Count]) -> list[Count]:
        return [
            count
            for count in counts
            if count.package_id in packages
            and count.label in owners
            and ((owner := owners[count.label]) is None or owner.pk != device.pk)
        ]

    receipts = believable(signed.receipts)
    # Nobody claims to have sent to the origin: its copy was there first.
    claims = [count for count in believable(signed.claims) if owners[count.label] is not None]
    return sum(
        _keep_counts(side, device, counts, owners, now=now)
        for side, counts in (
            (_Side(Receipt.objects.all(), mine="receiver", theirs="sender"), receipts),
            (_Side(Claim.objects.all(), mine="sender", theirs="receiver"), claims),
        )
    )


def _owners(labels: set[str]) -> _Owners:
    """Whose each label is, None: the origin's; without those of removed devices."""
    rows = SwarmLabel.objects.filter(label__in=labels).select_related("device__user")
    return {
        row.label: row.device
        for row in rows
        if row.device is None or (row.device.removed_at is None and row.device.user.is_active)
    }


def _keep_counts(
    side: _Side, device: Device, counts: Sequence[Count], owners: _Owners, *, now: dt.datetime
) -> int:
    """Write down the totals of one direction; how many counts were taken."""
    own = side.rows.filter(**{side.mine: device.pk})
    within = own.filter(**{f"{side.theirs}__user_id": device.user_id})
    room = _Room(_left_today(own, now=now), OWN - within.count())
    before = _totals(own, counts)
    kept = _kept(device, counts, owners, before, room)
    side.rows.bulk_create(
        [
            side.rows.model(
                **{side.mine: device, side.theirs: owners[count.label]},
                package_id=count.package_id,
                label=count.label,
                bytes=count.total,
                heard_at=now,
                updated_at=now,
            )
            for count in _grown(kept, before)
        ],
        update_conflicts=True,
        unique_fields=["package", side.mine, "label"],
        update_fields=["bytes", "updated_at"],
    )
    return len(kept)


@dataclass(slots=True)
class _Room:
    """How many new pairs a device may still begin."""

    today: int
    own: int


def _left_today(rows: QuerySet[Any], *, now: dt.datetime) -> int:
    return NEW_A_DAY - rows.filter(heard_at__gt=now - dt.timedelta(days=1)).count()


def _totals(rows: QuerySet[Any], counts: Sequence[Count]) -> dict[tuple[str, str], int]:
    """What is on record of the pairs that are counted."""
    known = rows.filter(label__in={c.label for c in counts})
    return {(row.package_id, row.label): row.bytes for row in known}


def _kept(
    device: Device,
    counts: Sequence[Count],
    owners: _Owners,
    before: dict[tuple[str, str], int],
    room: _Room,
) -> list[Count]:
    """Those of the counts that go on, or for whose pair there is room."""
    kept: list[Count] = []
    for count in counts:
        if (count.package_id, count.label) not in before:
            owner = owners[count.label]
            within = owner is not None and owner.user_id == device.user_id
            if room.today <= 0 or (within and room.own <= 0):
                continue
            room.today -= 1
            room.own -= within
        kept.append(count)
    return kept


def _grown(counts: Sequence[Count], before: dict[tuple[str, str], int]) -> list[Count]:
    """Totals only grow: a smaller one, as of an older copy of the device, changes nothing."""
    return [c for c in counts if c.total > before.get((c.package_id, c.label), 0)]
