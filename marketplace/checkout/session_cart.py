"""The cart of somebody who has not logged in: it lies in their session until they do."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import prefetch_related_objects
from django.http import HttpRequest
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Listing
from marketplace.checkout.carting import CartView, UserCart, accepted, look_at
from marketplace.checkout.quoting import terms_now
from marketplace.core.money import Money
from marketplace.orders import services as orders
from marketplace.orders.errors import CartFullError
from marketplace.orders.types import CART_MAX, CartItem, CartWish

__all__ = ["SessionCart", "cart_of", "merge_at_log_in"]

logger = logging.getLogger(__name__)

_KEY = "cart"


def cart_of(request: HttpRequest) -> UserCart | SessionCart:
    """The cart of whoever asks."""
    if isinstance(request.user, User):
        return UserCart(request.user)
    return SessionCart(request.session)


class SessionCart:
    """Like UserCart; whether something is owned already is not known before the log-in."""

    def __init__(self, session: SessionBase) -> None:
        self._session = session

    def look(self, *, now: dt.datetime) -> CartView:
        return look_at(self.items(), buyer=None, now=now)

    def count(self) -> int:
        return len(self._rows())

    def items(self) -> list[CartItem]:
        items = [_item(row) for row in self._rows()]
        related = ("listing__seller__seller", "listing__package", "listing__sale_periods")
        prefetch_related_objects(items, *related)
        return [item for item in items if _exists(item)]

    def put(self, wish: CartWish, *, now: dt.datetime) -> None:
        """Put something in, once. Raises ListingNotFoundError, CartFullError."""
        catalog.listing_for_view(wish.listing_id, AnonymousUser())
        rows = [row for row in self._rows() if row["listing"] != str(wish.listing_id)]
        if len(rows) >= CART_MAX:
            raise CartFullError(
                _("Your cart holds %d things, and that is all it can. Pay for some first.")
                % CART_MAX
            )
        row = {"id": str(uuid.uuid4()), "listing": str(wish.listing_id), "at": now.isoformat()}
        self._keep([*rows, row | _seen(wish.seen, wish.seen_price)])

    def agree(self, item_id: uuid.UUID, seen: str, *, now: dt.datetime) -> bool:
        """Agree to the terms with the token `seen`. False where they are others by now."""
        item = self._find(item_id)
        if item is None or item.listing.status != Listing.Status.ON_SALE:
            return False
        terms = terms_now(item.listing, now=now)
        if terms.token != seen:
            return False
        self._change(item_id, _seen(seen, terms.price))
        return True

    def offer(self, item_id: uuid.UUID, typed: str, *, now: dt.datetime) -> bool:
        """Choose what to pay where the price is the buyer's to choose, as a person types it.

        False where it is not there. Raises MoneyError, PriceError.
        """
        item = self._find(item_id)
        if item is None or not item.listing.is_open:
            return False
        self._change(item_id, {"offered": accepted(item.listing, typed, now=now).minor})
        return True

    def take(self, item_id: uuid.UUID) -> bool:
        """Take one thing out. Returns whether it was there."""
        rows = self._rows()
        left = [row for row in rows if row["id"] != str(item_id)]
        if len(left) == len(rows):
            return False
        self._keep(left)
        return True

    def hand_over(self, user: User) -> None:
        """Put everything into the cart of an account, and nothing is left here.

        Also what the account has bought already: its line says so, and what to do.
        """
        for item in self.items():
            wish = CartWish(
                listing_id=item.listing_id,
                seen=item.seen,
                seen_price=item.seen_price,
                offered=item.offered,
            )
            try:
                orders.put_in(user=user, wish=wish, now=item.added_at)
            except CartFullError:
                logger.info("a full cart took no more at a log-in")
                break
        self._session.pop(_KEY, None)

    def _find(self, item_id: uuid.UUID) -> CartItem | None:
        return next((item for item in self.items() if item.pk == item_id), None)

    def _change(self, item_id: uuid.UUID, fields: dict[str, Any]) -> None:
        self._keep([row | fields if row["id"] == str(item_id) else row for row in self._rows()])

    def _rows(self) -> list[dict[str, Any]]:
        return list(self._session.get(_KEY, []))

    def _keep(self, rows: list[dict[str, Any]]) -> None:
        self._session[_KEY] = rows


def merge_at_log_in(*, request: HttpRequest | None, user: User) -> None:
    """What was put into the session's cart is in the account's from now on."""
    session = getattr(request, "session", None)
    if session is not None and session.get(_KEY):
        SessionCart(session).hand_over(user)


def _seen(token: str, price: Money) -> dict[str, Any]:
    return {"seen": token, "minor": price.minor, "currency": price.currency}


def _item(row: dict[str, Any]) -> CartItem:
    """An item that is never saved: the same pages show it."""
    return CartItem(
        pk=uuid.UUID(row["id"]),
        listing_id=uuid.UUID(row["listing"]),
        seen=row["seen"],
        seen_minor=row["minor"],
        seen_currency=row["currency"],
        offered_minor=row.get("offered"),
        added_at=dt.datetime.fromisoformat(row["at"]),
    )


def _exists(item: CartItem) -> bool:
    try:
        return item.listing is not None
    except Listing.DoesNotExist:
        return False
