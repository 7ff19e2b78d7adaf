"""What a listing sells, in sentences: the same ones for its seller and for its buyers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.catalog.models import Listing
from marketplace.catalog.terms import HARD_CAP

__all__ = ["Promise", "promises", "promises_to_another", "withdrawal"]


@dataclass(frozen=True, slots=True)
class Promise:
    """One sentence. `granted` is False for what a buyer may not do."""

    text: str
    granted: bool = True


def promises(listing: Listing) -> tuple[Promise, ...]:
    """What buyers of the listing may do, and what not."""
    if listing.is_subscription:
        kind = _of_a_subscription(listing)
    elif listing.is_rental:
        kind = _of_a_rental(listing)
    else:
        kind = _of_a_purchase(listing)
    return (*kind, *_passing_on(listing))


def promises_to_another(listing: Listing) -> tuple[Promise, ...]:
    """The same of a present, said to its giver about whoever gets it.

    A subscription cannot be a present.
    """
    kind = _of_a_rented_present(listing) if listing.is_rental else _of_a_present(listing)
    return (*kind, *_passing_on_by_another(listing))


def withdrawal(*, rental: bool) -> str:
    """How long a device may keep what was taken back, as after a refund, at the worst.

    `rental`: what opens with leases, a subscription too.
    """
    if not rental:
        return _(
            "After a refund, or when a device is removed from the account, it ends on each device"
            " when that next connects; one that never connects keeps it."
        )
    hours = _hours(settings.LEASE_DURATION + settings.LEASE_GRACE)
    return ngettext(
        "After a refund, or when a device is removed from the account, it ends on each device"
        " when that next connects, and on one that stays offline after %(hours)d hour at most.",
        "After a refund, or when a device is removed from the account, it ends on each device"
        " when that next connects, and on one that stays offline after %(hours)d hours at most.",
        hours,
    ) % {"hours": hours}


def _of_a_purchase(listing: Listing) -> Iterator[Promise]:
    yield Promise(
        _(
            "Open it as often as you like, for good, on the devices of your account."
            " Once it is on your computer it opens without this shop."
        )
    )
    if listing.may_save:
        yield Promise(_("Save the files and use them with any program."))
    else:
        yield _plays_only()


def _of_a_rental(listing: Listing) -> Iterator[Promise]:
    hours, days = listing.rental_hours or 0, listing.start_days or 0
    yield Promise(
        ngettext(
            "You rent it: it plays for %(hours)d hour from your first play on, on all devices of"
            " your account together. A play that you began in that time may take %(more)d hours more.",
            "You rent it: it plays for %(hours)d hours from your first play on, on all devices of"
            " your account together. A play that you began in that time may take %(more)d hours more.",
            hours,
        )
        % {"hours": hours, "more": _hours(HARD_CAP)}
    )
    yield Promise(
        ngettext(
            "Begin within %(days)d day of renting it.",
            "Begin within %(days)d days of renting it.",
            days,
        )
        % {"days": days}
    )
    if listing.plays is not None:
        yield Promise(
            ngettext(
                "It plays %(plays)d time; a play shorter than a minute does not count.",
                "It plays %(plays)d times; a play shorter than a minute does not count, and"
                " before each further one your device asks this shop.",
                listing.plays,
            )
            % {"plays": listing.plays}
        )
    yield _needs_internet()
    yield _plays_only()


def _of_a_subscription(listing: Listing) -> Iterator[Promise]:
    if listing.interval == Listing.Interval.YEAR:
        yield Promise(_("It opens for as long as you subscribe, paid in advance for each year."))
    else:
        yield Promise(_("It opens for as long as you subscribe, paid in advance for each month."))
    yield Promise(_("End it whenever you like: it opens until the end of what is paid."))
    yield _needs_internet()
    yield _plays_only()


def _passing_on(listing: Listing) -> Iterator[Promise]:
    if listing.lend_days is not None:
        yield Promise(
            ngettext(
                "You may lend it, for up to %(days)d day at a time.",
                "You may lend it, for up to %(days)d days at a time.",
                listing.lend_days,
            )
            % {"days": listing.lend_days}
        )
    if listing.transferable:
        yield Promise(_("You may pass it on to somebody else for good."))
    if listing.giftable:
        yield Promise(
            _(
                "You may give it away as long as none of your devices has fetched it: a seeder "
                "that runs does so by itself."
            )
        )


def _of_a_present(listing: Listing) -> Iterator[Promise]:
    yield Promise(
        _(
            "They open it as often as they like, for good, on the devices of their account."
            " Once it is on their computer it opens without this shop."
        )
    )
    if listing.may_save:
        yield Promise(_("They may save the files and use them with any program."))
    else:
        yield _plays_only()


def _of_a_rented_present(listing: Listing) -> Iterator[Promise]:
    hours, days = listing.rental_hours or 0, listing.start_days or 0
    yield Promise(
        ngettext(
            "It is rented: it plays for %(hours)d hour from their first play on, on all devices of"
            " their account together. A play begun in that time may take %(more)d hours more.",
            "It is rented: it plays for %(hours)d hours from their first play on, on all devices of"
            " their account together. A play begun in that time may take %(more)d hours more.",
            hours,
        )
        % {"hours": hours, "more": _hours(HARD_CAP)}
    )
    yield Promise(
        ngettext(
            "They begin within %(days)d day of taking it.",
            "They begin within %(days)d days of taking it.",
            days,
        )
        % {"days": days}
    )
    if listing.plays is not None:
        yield Promise(
            ngettext(
                "They play it %(plays)d time; a play shorter than a minute does not count.",
                "They play it %(plays)d times; a play shorter than a minute does not count, and"
                " before each further one their device asks this shop.",
                listing.plays,
            )
            % {"plays": listing.plays}
        )
    yield _they_need_internet()
    yield _plays_only()


def _passing_on_by_another(listing: Listing) -> Iterator[Promise]:
    if listing.lend_days is not None:
        yield Promise(
            ngettext(
                "They may lend it, for up to %(days)d day at a time.",
                "They may lend it, for up to %(days)d days at a time.",
                listing.lend_days,
            )
            % {"days": listing.lend_days}
        )
    if listing.transferable:
        yield Promise(_("They may pass it on to somebody else for good."))
    if listing.giftable:
        yield Promise(_("They may give it away as long as none of their devices has fetched it."))


def _needs_internet() -> Promise:
    hours = _hours(settings.LEASE_DURATION)
    return Promise(
        ngettext(
            "Your device needs internet at least every %(hours)d hour.",
            "Your device needs internet at least every %(hours)d hours.",
            hours,
        )
        % {"hours": hours}
    )


def _they_need_internet() -> Promise:
    hours = _hours(settings.LEASE_DURATION)
    return Promise(
        ngettext(
            "Their device needs internet at least every %(hours)d hour.",
            "Their device needs internet at least every %(hours)d hours.",
            hours,
        )
        % {"hours": hours}
    )


def _plays_only() -> Promise:
    return Promise(
        _("It plays only: saving the files as plain files is not allowed."), granted=False
    )


def _hours(time: dt.timedelta) -> int:
    return int(time.total_seconds()) // 3600
