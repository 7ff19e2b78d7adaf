"""Reading entitlements. What is not yours is not found."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import cast

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import In
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog.types import ListingVersion
from marketplace.core.errors import MarketplaceError
from marketplace.licensing.deliveries import deliveries_of, paid_purchases, receiver_of
from marketplace.licensing.errors import (
    EntitlementNotFoundError,
    EntitlementOverError,
    EntitlementRevokedError,
    SuspendedError,
)
from marketplace.licensing.models import Entitlement
from marketplace.licensing.states import ending
from marketplace.licensing.terms import is_over, is_untouched, living, state_of
from marketplace.licensing.types import EndName, KindName, LibraryFile, Purchase, StateName
from marketplace.licensing.versions import opened_versions, opening, versions_of

__all__ = [
    "deliveries_of",
    "entitled_packages",
    "entitlement_of",
    "is_entitled",
    "is_spent",
    "is_unopened",
    "library_of",
    "may_review",
    "openers",
    "owns",
    "owns_for_good",
    "packages_of",
    "paid_purchases",
    "receiver_of",
    "refusal",
]

_Kind = Entitlement.Kind
_State = Entitlement.State
# It may open again for somebody without a new purchase, so its files stay to be had.
_KEPT = (_State.ACTIVE, _State.SUSPENDED, _State.LENT)


def library_of(user: User) -> list[Purchase]:
    """Every purchase of `user`, also what was taken back, the newest first.

    One that opens several versions of its listing is there once for each, the newest
    version first.
    """
    entitlements = (
        Entitlement.objects.filter(user_id=user.pk)
        # A present is its giver's to give, and never was theirs to open.
        .exclude(kind=_Kind.PRESENT)
        .select_related("listing__seller__seller", "package")
        .prefetch_related("events", "listing__versions__package__files")
        .order_by("-created_at", "pk")
    )
    return [
        _purchase(entitlement, version, newest=index == 0)
        for entitlement in entitlements
        for index, version in enumerate(versions_of(entitlement))
    ]


def owns(user: User, listing_id: uuid.UUID) -> bool:
    """Whether `user` has bought the listing and may open it, be it disputed."""
    return bool(_living_of(user, listing_id))


def owns_for_good(user: User, listing_id: uuid.UUID) -> bool:
    """Whether `user` may open the listing without an end."""
    return any(entitlement.expires_at is None for entitlement in _living_of(user, listing_id))


def _living_of(user: User, listing_id: uuid.UUID) -> list[Entitlement]:
    now = timezone.now()
    # What a bank asks about is bought all the same, and not to be bought again by mistake.
    own = living(now, states=(_State.ACTIVE, _State.SUSPENDED))
    rows = Entitlement.objects.filter(own, user_id=user.pk, listing_id=listing_id)
    return [entitlement for entitlement in rows if not is_over(entitlement, now)]


def is_unopened(order_id: uuid.UUID) -> bool:
    """Whether what the order gave is its buyer's, and was never fetched to any device."""
    entitlement = Entitlement.objects.filter(order_id=order_id).first()
    return entitlement is not None and is_untouched(entitlement)


def may_review(user: User, listing_id: uuid.UUID) -> bool:
    """Whether `user` may say what the listing is like: it is or was theirs, and is paid for.

    Also what is lent out, or was rented and is over; not what was borrowed or passed on, and
    not while its payment is disputed.
    """
    own = Entitlement.objects.filter(user_id=user.pk, listing_id=listing_id)
    return own.filter(state__in=(_State.ACTIVE, _State.LENT)).exclude(kind=_Kind.LOAN).exists()


def is_entitled(user_id: uuid.UUID, package_id: str) -> bool:
    """Whether the user may open the package now."""
    return Entitlement.objects.filter(living(), opening(package_id), user_id=user_id).exists()


def packages_of(user: User) -> set[str]:
    """The ids of all packages that `user` may open now."""
    return _packages(Entitlement.objects.filter(living(), opened_versions(), user_id=user.pk))


def openers(
    package_ids: Collection[str], *, user_ids: Collection[uuid.UUID] | None = None
) -> set[tuple[uuid.UUID, str]]:
    """Who may open which of these packages now: pairs of a user's id and a package's.

    Where `user_ids` are given, of these users alone.
    """
    if user_ids is None:
        chosen = Q(listing__versions__package_id__in=package_ids)
    else:
        # By way of the users, who have a few purchases each, and not of an item that thousands
        # have bought: as an expression it has no index that SQLite could prefer.
        package = Coalesce("listing__versions__package_id", Value(""))
        chosen = Q(In(package, list(package_ids)), user_id__in=user_ids)
    rows = Entitlement.objects.filter(living(), opened_versions(), chosen).order_by()
    return set(rows.values_list("user_id", "listing__versions__package_id").distinct())


def entitled_packages() -> set[str]:
    """The ids of all packages that anyone may still open, or that wait for somebody."""
    # The days of a rental that waits as a present begin when it is claimed.
    kept = living(states=_KEPT) | Q(state=_State.GIVEN)
    return _packages(Entitlement.objects.filter(kept, opened_versions()))


def _packages(joined: QuerySet[Entitlement]) -> set[str]:
    rows = joined.order_by().values_list("listing__versions__package_id", flat=True)
    return {package for package in rows.distinct() if package}


def entitlement_of(
    user: User, package_id: str, *, lock: bool = False, now: dt.datetime | None = None
) -> Entitlement:
    """By what `user` may open the package: whoever reads anything of a package asks here.

    Raises EntitlementNotFoundError where they never bought it (also where there is no such
    package), EntitlementRevokedError where it was taken back or passed on,
    EntitlementOverError where its time has run out. `lock` holds the row until the running
    transaction ends.
    """
    rows = Entitlement.objects.select_for_update() if lock else Entitlement.objects.all()
    owned = rows.filter(opening(package_id), user_id=user.pk)
    # Bought again after a refund, there are two: the living one counts.
    moment = now or timezone.now()
    for entitlement in owned.filter(living(moment)).order_by("created_at", "pk"):
        if not is_over(entitlement, moment):
            return entitlement
    last = owned.order_by("-created_at", "pk").first()
    if last is None:
        raise EntitlementNotFoundError(_("There is no such purchase in your library."))
    raise refusal(last)


def refusal(entitlement: Entitlement) -> MarketplaceError:
    """Why an entitlement that opens nothing opens nothing."""
    return _REFUSALS[Entitlement.State(entitlement.state)]()


def is_spent(order_id: uuid.UUID, *, now: dt.datetime) -> bool:
    """Whether what the order gave is over or passed on, so that it may be ordered again."""
    entitlement = Entitlement.objects.filter(order_id=order_id).first()
    return entitlement is not None and state_of(entitlement, now) in ("expired", "transferred")


def _refunded() -> MarketplaceError:
    return EntitlementRevokedError(
        _("This purchase was refunded, so it does not open any more. Buy it again to open it.")
    )


def _over() -> MarketplaceError:
    return EntitlementOverError(
        _("Its time or its plays are used up, so it does not open any more.")
    )


def _lent() -> MarketplaceError:
    return EntitlementRevokedError(
        _("You have lent this. It opens again when it comes back to you.")
    )


def _passed_on() -> MarketplaceError:
    return EntitlementRevokedError(_("You have passed this on, so it does not open any more."))


def _charged_back() -> MarketplaceError:
    return EntitlementRevokedError(
        _(
            "The bank took the money for this back, so it does not open any more. "
            "Buy it again to open it."
        )
    )


def _suspended() -> MarketplaceError:
    return SuspendedError(
        _(
            "The bank is asking about the payment for this. Where it opens already it goes on"
            " opening; it opens on nothing further until the bank has decided."
        )
    )


def _waiting() -> MarketplaceError:
    return EntitlementNotFoundError(
        _("This is a present that waits for whoever it is for. It is not in your library.")
    )


_REFUSALS = {
    Entitlement.State.ACTIVE: _over,
    Entitlement.State.LENT: _lent,
    Entitlement.State.TRANSFERRED: _passed_on,
    Entitlement.State.RETURNED: _over,
    Entitlement.State.REVOKED: _refunded,
    Entitlement.State.CHARGED_BACK: _charged_back,
    Entitlement.State.SUSPENDED: _suspended,
    Entitlement.State.GIVEN: _waiting,
}


def _purchase(entitlement: Entitlement, version: ListingVersion, *, newest: bool) -> Purchase:
    listing, package = entitlement.listing, version.package
    assert package is not None, "a version that is out has a package"
    state = state_of(entitlement, timezone.now())
    ended = ending(entitlement.events.all())
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
        version=version.number,
        newest=newest,
        notes=version.notes,
        active=state == _State.ACTIVE,
        state=cast("StateName", state),
        kind=cast("KindName", entitlement.kind),
        rights=entitlement.rights,
        start_by=entitlement.start_by if entitlement.first_play_at is None else None,
        expires_at=entitlement.expires_at,
        begun=entitlement.first_play_at is not None,
        plays_left=_plays_left(entitlement),
        may_save=entitlement.rights.get("save") is True,
        size=package.sealed_size,
        files=tuple(
            LibraryFile(file.index, file.name, file.media_type, file.plain_size)
            for file in package.files.all()
        ),
        purchased_at=entitlement.created_at,
        revoked_at=None if ended is None else ended.at,
        ended_by="" if ended is None else cast("EndName", ended.kind),
    )


def _plays_left(entitlement: Entitlement) -> int | None:
    most = entitlement.rights.get("play_count")
    return None if most is None else max(0, most - entitlement.plays_used)
