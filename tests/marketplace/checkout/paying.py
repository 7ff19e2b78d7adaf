"""A seller who is paid at Stripe, with the real emulator and its page."""

from __future__ import annotations

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.ledger import queries as books
from marketplace.ledger.types import chart
from marketplace.payments import services as payments
from marketplace.payments.models import ConnectedAccount
from tests.marketplace.stripe_fixtures import Emulator

__all__ = ["CLOSED_BANK", "GOOD_BANK", "at_stripe", "connect", "connected", "onboard", "owed"]

GOOD_BANK, CLOSED_BANK = "000123456789", "000111111113"


def connect(seller: User, country: str = "DE") -> ConnectedAccount:
    return payments.connect_seller(user=seller, country=country)


def onboard(
    stripe: Emulator, account: ConnectedAccount, *, bank: str = GOOD_BANK, verdict: str = "verified"
) -> ConnectedAccount:
    """What the seller types at Stripe; the shop then reads what came of it."""
    url = payments.onboarding_url(
        account, refresh_url="http://shop.test/again", return_url="http://shop.test/back"
    )
    stripe.http.get(url)
    form = {"first": "Jana", "last": "Wolf", "bank": bank, "terms": "yes", "action": "done"}
    assert stripe.http.post(url, data={**form, "verdict": verdict}).status_code == 303
    assert account.account_id is not None
    services.account_changed(account.account_id)
    account.refresh_from_db()
    return account


def connected(stripe: Emulator, seller: User, **typed: str) -> ConnectedAccount:
    """An account that can be paid."""
    return onboard(stripe, connect(seller), **typed)


def at_stripe(stripe: Emulator, account: ConnectedAccount, currency: str = "krw") -> int:
    """What Stripe says that the account has."""
    assert account.account_id is not None
    found = stripe.sdk.v1.balance.retrieve(options={"stripe_account": account.account_id})
    return sum(part.amount for part in found.available if part.currency == currency)


def owed(seller: User, currency: str = "KRW") -> tuple[int, int]:
    """What the ledger says: owed to the seller, and lying in their account at Stripe."""
    return (
        books.balance(chart.seller(seller.pk, currency)).minor,
        books.balance(chart.connected(seller.pk, currency)).minor,
    )
