"""Something bought for somebody else, and the mail that it went out with."""

from __future__ import annotations

import re
from typing import Any

from django.core import mail
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.checkout import consequences
from marketplace.handovers.models import Present
from marketplace.orders import services as orders
from tests.marketplace.handovers.handing import Person
from tests.marketplace.orders.ordering import line_of
from tests.marketplace.trade import sell

__all__ = ["FRIEND", "claim", "give", "newest_link"]

FRIEND = "friend@example.org"


def give(giver: Person, listing: Listing | None = None, *, to: str = FRIEND) -> Present:
    """A present that is paid, as settling leaves it."""
    bill = orders.open_bill(buyer=giver.user, lines=[line_of(listing or sell(), recipient=to)])
    assert bill is not None
    consequences.pay(bill, now=timezone.now())
    return Present.objects.get(order__bill=bill)


def newest_link(to: str = FRIEND) -> str:
    """The path in the newest mail to an address."""
    letters = [letter for letter in mail.outbox if letter.to == [to]]
    found = re.search(r"https?://[^/]+(/presents/claim/\S+)", str(letters[-1].body))
    assert found is not None
    return found[1]


def claim(who: Person, link: str) -> Any:
    """Press the button of the page that the link leads to."""
    return who.post(link)
