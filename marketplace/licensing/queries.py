"""Reading entitlements. What is not yours is not found."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.licensing.errors import EntitlementNotFoundError, EntitlementRevokedError
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.licensing.types import LibraryFile, Purchase

__all__ = [
    "entitled_packages",
    "entitlement_of",
    "is_entitled",
    "library_of",
    "owns",
    "packages_of",
]

# A listing has one package, so far: every package is its listing's first version.
_VERSION = 1
_ACTIVE = Entitlement.State.ACTIVE


def library_of(user: User) -> list[Purchase]:
    """Every purchase of `user`, also what was taken back, the newest first."""
    entitlements = (
        Entitlement.objects.filter(user_id=user.pk)
        .select_related("listing__seller__seller", "package")
        .prefetch_related("package__files", "events")
        .order_by("-created_at", "pk")
    )
    return [_purchase(entitlement) for entitlement in entitlements]


def owns(user: User, listing_id: uuid.UUID) -> bool:
    """Whether `user` has bought the listing and may open it."""
    return Entitlement.objects.filter(
        user_id=user.pk, listing_id=listing_id, state=_ACTIVE
    ).exists()


def is_entitled(user_id: uuid.UUID, package_id: str) -> bool:
    """Whether the user may open the package now."""
    return Entitlement.objects.filter(
        user_id=user_id, package_id=package_id, state=_ACTIVE
    ).exists()


def packages_of(user: User) -> set[str]:
    """The ids of all packages that `user` may open now."""
    rows = Entitlement.objects.filter(user_id=user.pk, state=_ACTIVE).order_by()
    return set(rows.values_list("package_id", flat=True))


def entitled_packages() -> set[str]:
    """The ids of all packages that anyone may still open."""
    rows = Entitlement.objects.filter(state=_ACTIVE).order_by()
    return set(rows.values_list("package_id", flat=True).distinct())


def entitlement_of(user: User, package_id: str, *, lock: bool = False) -> Entitlement:
    """By what `user` may open the package: whoever reads anything of a package asks here.

    Raises EntitlementNotFoundError where they never bought it (also where there is no such
    package), EntitlementRevokedError where it was taken back. `lock` holds the row until
    the running transaction ends.
    """
    rows = Entitlement.objects.select_for_update() if lock else Entitlement.objects.all()
    owned = rows.filter(user_id=user.pk, package_id=package_id)
    # Bought again after a refund, there are two: the living one counts.
    entitlement = owned.filter(state=_ACTIVE).order_by("created_at", "pk").first()
    if entitlement is not None:
        return entitlement
    if owned.exists():
        raise EntitlementRevokedError(
            _("This purchase was refunded, so it does not open any more. Buy it again to open it.")
        )
    raise EntitlementNotFoundError(_("There is no such purchase in your library."))


def _purchase(entitlement: Entitlement) -> Purchase:
    listing, package = entitlement.listing, entitlement.package
    active = entitlement.state == _ACTIVE
    seller = getattr(listing.seller, "seller", None)
    return Purchase(
        entitlement_id=entitlement.pk,
        order_id=entitlement.order_id,
        listing_id=listing.pk,
        title=listing.title,
        seller=seller.name if seller else "",
        seller_slug=seller.slug if seller else "",
        cover_url=listing.cover_url,
        cover_small_url=listing.cover_small_url,
        shade=listing.shade,
        on_sale=listing.status == listing.Status.ON_SALE,
        package_id=package.pk,
        version=_VERSION,
        active=active,
        may_save=entitlement.rights.get("save") is True,
        size=package.sealed_size,
        files=tuple(
            LibraryFile(file.index, file.name, file.media_type, file.plain_size)
            for file in package.files.all()
        ),
        purchased_at=entitlement.created_at,
        revoked_at=None if active else _ended_at(entitlement),
    )


def _ended_at(entitlement: Entitlement) -> dt.datetime | None:
    """When it was taken back: a further refund of what had ended already ends nothing."""
    ended: dt.datetime | None = None
    for event in entitlement.events.all():
        if event.kind != EntitlementEvent.Kind.REFUNDED:
            ended = None
        elif ended is None:
            ended = event.at
    return ended
