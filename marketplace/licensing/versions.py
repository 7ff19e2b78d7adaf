"""Which versions of a listing a purchase opens: the one that was bought, and all later ones.

A right for a time (a rental, a subscription, a loan) opens its own version alone: what
it counts and when it ends belong to that one.
"""

from __future__ import annotations

import uuid

from django.db.models import F, Q

from marketplace.catalog.types import ListingVersion
from marketplace.licensing.models import Entitlement
from marketplace.messaging import services as messaging

__all__ = ["announce_version", "opened_versions", "opening", "versions_of"]

_Kind = Entitlement.Kind
# A present opens nothing, but what it will open must be there when it is claimed.
_LASTING = (_Kind.PURCHASE, _Kind.GIFT, _Kind.TRANSFER, _Kind.PRESENT)
_LATER = Q(kind__in=_LASTING, package__version__lte=F("listing__versions__number"))
_OUT = Q(listing__versions__published_at__isnull=False)


def opening(package_id: str) -> Q:
    """Narrows entitlements to those that open this package: one row each."""
    # One filter, so that all parts speak of one and the same version of the listing.
    own = Q(package_id=package_id)
    return Q(listing__versions__package_id=package_id) & _OUT & (own | _LATER)


def opened_versions() -> Q:
    """Narrows entitlements, joined with their listing's versions, to the versions they open."""
    own = Q(package_id=F("listing__versions__package_id"))
    return _OUT & (own | _LATER)


def versions_of(entitlement: Entitlement) -> list[ListingVersion]:
    """The versions that an entitlement opens while it stands, the newest first."""
    lasting = entitlement.kind in _LASTING
    return sorted(
        (
            version
            for version in entitlement.listing.versions.all()
            if version.published_at is not None
            and (
                version.package_id == entitlement.package_id
                or (lasting and version.number >= entitlement.package.version)
            )
        ),
        key=lambda version: -version.number,
    )


def announce_version(listing_id: uuid.UUID) -> int:
    """Let the devices and pages of everyone who owns the listing look again. Returns how many."""
    rows = Entitlement.objects.filter(listing_id=listing_id, state=Entitlement.State.ACTIVE)
    owners = set(rows.order_by().values_list("user_id", flat=True))
    for owner in owners:
        messaging.publish(group=messaging.user_group(owner), kind="library.changed", payload={})
    return len(owners)
