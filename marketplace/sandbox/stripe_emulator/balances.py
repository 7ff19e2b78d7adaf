"""What the platform, and each connected account, has at Stripe.

Every movement is a balance transaction of the account whose money it is; "" is the
platform. A balance is the sum of its transactions' nets, kept as a running figure.
Nothing is converted: money stays in its currency, and is available at once.
"""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import BalanceRetrieveParams

from marketplace.sandbox.stripe_emulator.routing import route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["ROUTES", "available", "balance_transaction"]


def balance_transaction(
    world: World,
    *,
    kind: str,
    amount: int,
    currency: str,
    source: str,
    fee: int = 0,
    account: str = "",
) -> str:
    """Book `amount` (negative for money that leaves) to `account`; returns the transaction's id."""
    transaction_id = world.new_id("txn_")
    # Stripe takes its fee from the platform, the platform takes its own from an account.
    kind_of_fee = "application_fee" if account else "stripe_fee"
    detail = {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Platform fee" if account else "Stripe processing fees",
        "type": kind_of_fee,
    }
    transaction = fill(
        stripe.BalanceTransaction,
        id=transaction_id,
        object="balance_transaction",
        amount=amount,
        available_on=world.seconds(),
        balance_type="payments",
        created=world.seconds(),
        currency=currency,
        fee=fee,
        fee_details=[detail] if fee else [],
        net=amount - fee,
        reporting_category=kind,
        source=source,
        status="available",
        type=kind,
        _account=account,
    )
    world.store.put(transaction)
    _add(world, account, currency, amount - fee)
    return transaction_id


def available(world: World, account: str, currency: str) -> int:
    """What an account has in a currency, in minor units; it may be negative."""
    return _balance(world, account).get(currency, 0)


def _balance(world: World, account: str) -> dict[str, int]:
    kept: dict[str, int] = world.store.setting(f"balance:{account}", {})
    return kept


def _add(world: World, account: str, currency: str, net: int) -> None:
    balance = _balance(world, account)
    world.store.set(f"balance:{account}", {**balance, currency: balance.get(currency, 0) + net})


def _retrieve(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    """The balance of whoever asks: the platform, or the account that the header names."""
    balance = _balance(world, world.account) or {"usd": 0}
    return fill(
        stripe.Balance,
        object="balance",
        available=[
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(balance.items())
        ],
        livemode=False,
        pending=[
            {"amount": 0, "currency": currency, "source_types": {"card": 0}}
            for currency in sorted(balance)
        ],
    )


ROUTES = [route("GET", "/balance", BalanceRetrieveParams, _retrieve)]
