"""What the platform keeps of a destination charge, and gives back with a refund."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import ApplicationFeeListParams, ApplicationFeeRetrieveParams

from marketplace.sandbox.stripe_emulator.balances import balance_transaction
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.routing import readable
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["ROUTES", "give_back", "take"]

APPLICATION = "ca_emulator"


def take(
    world: World, *, account: str, amount: int, currency: str, payment: str, charge: str
) -> dict[str, Any]:
    """The platform's fee of one charge; the account's side is booked with its payment."""
    fee_id = world.new_id("fee_")
    transaction = balance_transaction(
        world, kind="application_fee", amount=amount, currency=currency, source=fee_id
    )
    fee = fill(
        stripe.ApplicationFee,
        id=fee_id,
        object="application_fee",
        account=account,
        amount=amount,
        amount_refunded=0,
        application=APPLICATION,
        balance_transaction=transaction,
        charge=payment,
        created=world.seconds(),
        currency=currency,
        livemode=False,
        originating_transaction=charge,
        refunded=False,
        refunds={"object": "list", "data": [], "has_more": False, "url": _url(fee_id)},
    )
    world.store.put(fee)
    emit(world, "application_fee.created", fee)
    return fee


def give_back(world: World, fee_id: str, amount: int) -> str:
    """Return a part of a fee to the account; gives the transaction of the platform's side."""
    fee = world.get(fee_id, "application_fee")
    refund_id = world.new_id("fr_")
    transaction = balance_transaction(
        world,
        kind="application_fee_refund",
        amount=-amount,
        currency=fee["currency"],
        source=refund_id,
    )
    balance_transaction(
        world,
        kind="application_fee_refund",
        amount=amount,
        currency=fee["currency"],
        source=refund_id,
        account=fee["account"],
    )
    refund = fill(
        stripe.ApplicationFeeRefund,
        id=refund_id,
        object="fee_refund",
        amount=amount,
        balance_transaction=transaction,
        created=world.seconds(),
        currency=fee["currency"],
        fee=fee_id,
        metadata={},
    )
    world.store.put(refund)
    fee["amount_refunded"] += amount
    fee["refunded"] = fee["amount_refunded"] == fee["amount"]
    fee["refunds"]["data"].insert(0, refund)
    world.store.put(fee)
    emit(world, "application_fee.refunded", fee)
    return transaction


def _url(fee_id: str) -> str:
    return f"/v1/application_fees/{fee_id}/refunds"


ROUTES = readable(
    "/application_fees",
    "application_fee",
    ApplicationFeeRetrieveParams,
    ApplicationFeeListParams,
)
