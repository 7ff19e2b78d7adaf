"""Transfers from the platform to connected accounts, and what comes back of them.

A destination charge makes its transfer by itself; else the platform asks for each one.
"""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    TransferCreateParams,
    TransferListParams,
    TransferListReversalsParams,
    TransferRetrieveParams,
    TransferReversalCreateParams,
)

from marketplace.sandbox.stripe_emulator import application_fees
from marketplace.sandbox.stripe_emulator.balances import available, balance_transaction
from marketplace.sandbox.stripe_emulator.currencies import check_currency, format_amount
from marketplace.sandbox.stripe_emulator.destinations import check_may_receive
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.routing import page_of, readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["ROUTES", "reverse_for_refund", "send_to_destination"]

_SUPPORTED = frozenset(
    {"amount", "currency", "description", "destination", "metadata", "source_transaction",
     "transfer_group"}
)  # fmt: skip


def _create(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    for name in params.keys() - _SUPPORTED:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    currency = check_currency(params["currency"], param="currency")
    amount = params["amount"]
    if amount < 1:
        raise ApiError("Invalid positive integer", param="amount")
    check_may_receive(world, params["destination"], param="destination")
    if source := params.get("source_transaction"):
        _check_source(world, source, amount, currency)
    elif amount > available(world, "", currency):
        raise ApiError(
            "You have insufficient available funds in your Stripe account. Try adding funds"
            " directly to your available balance by creating Charges using the 4000000000000077"
            " test card.",
            code="balance_insufficient",
        )
    return _send(
        world,
        account=params["destination"],
        amount=amount,
        currency=currency,
        given=params,
    )


def _check_source(world: World, charge_id: str, amount: int, currency: str) -> None:
    charge = world.get(charge_id, "charge", param="source_transaction")
    if charge["status"] != "succeeded" or charge["currency"] != currency:
        raise ApiError(
            "The source_transaction must be a successful charge in the transfer's currency.",
            param="source_transaction",
        )
    sent = sum(
        transfer["amount"]
        for transfer in world.store.all("transfer")
        if transfer["source_transaction"] == charge_id
    )
    if sent + amount > charge["amount"]:
        left = format_amount(charge["amount"] - sent, currency)
        raise ApiError(
            f"Transfers using this transaction as a source must not exceed the source amount of"
            f" {left}.",
            param="amount",
        )


def _send(
    world: World,
    *,
    account: str,
    amount: int,
    currency: str,
    given: dict[str, Any],
    fee: int = 0,
) -> dict[str, Any]:
    transfer_id = world.new_id("tr_")
    payment = _payment(world, account, amount, currency, transfer_id, fee=fee)
    transaction = balance_transaction(
        world, kind="transfer", amount=-amount, currency=currency, source=transfer_id
    )
    transfer = fill(
        stripe.Transfer,
        id=transfer_id,
        object="transfer",
        amount=amount,
        amount_reversed=0,
        balance_transaction=transaction,
        created=world.seconds(),
        currency=currency,
        destination=account,
        destination_payment=payment["id"],
        livemode=False,
        metadata=given.get("metadata") or {},
        reversals=_reversals(transfer_id, []),
        reversed=False,
        source_transaction=given.get("source_transaction"),
        source_type="card",
        transfer_group=given.get("transfer_group"),
    )
    world.store.put(transfer)
    emit(world, "transfer.created", transfer)
    return transfer


def _payment(
    world: World, account: str, amount: int, currency: str, transfer: str, *, fee: int
) -> dict[str, Any]:
    """The account's side of a transfer: a charge of its own, that it received."""
    payment_id = world.new_id("py_")
    transaction = balance_transaction(
        world,
        kind="payment",
        amount=amount,
        currency=currency,
        source=payment_id,
        fee=fee,
        account=account,
    )
    return world.store.put(
        fill(
            stripe.Charge,
            id=payment_id,
            object="charge",
            amount=amount,
            amount_captured=amount,
            amount_refunded=0,
            application_fee_amount=fee or None,
            balance_transaction=transaction,
            billing_details=dict.fromkeys(("address", "email", "name", "phone", "tax_id")),
            captured=True,
            created=world.seconds(),
            currency=currency,
            disputed=False,
            livemode=False,
            metadata={},
            paid=True,
            refunded=False,
            source_transfer=transfer,
            status="succeeded",
            _account=account,
        )
    )


def _reversals(transfer_id: str, data: list[dict[str, Any]]) -> dict[str, Any]:
    url = f"/v1/transfers/{transfer_id}/reversals"
    return {"object": "list", "data": data, "has_more": False, "url": url}


def _create_reversal(world: World, transfer_id: str, params: dict[str, Any]) -> dict[str, Any]:
    transfer = world.get(transfer_id, "transfer")
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = params.get("amount", left)
    if amount < 1 or amount > left:
        raise ApiError(
            f"Reversal amount ({format_amount(amount, transfer['currency'])}) is greater than the"
            f" unreversed amount on the transfer ({format_amount(left, transfer['currency'])}).",
            param="amount",
        )
    if amount > available(world, transfer["destination"], transfer["currency"]):
        raise ApiError(
            "Insufficient funds in the connected account to reverse this transfer.",
            code="balance_insufficient",
        )
    return _reverse(
        world,
        transfer,
        amount,
        metadata=params.get("metadata") or {},
        with_fee=params.get("refund_application_fee", False),
    )


def _reverse(
    world: World,
    transfer: dict[str, Any],
    amount: int,
    *,
    metadata: dict[str, str] | None = None,
    refund: str | None = None,
    with_fee: bool = False,
) -> dict[str, Any]:
    reversal_id = world.new_id("trr_")
    currency = transfer["currency"]
    balance_transaction(
        world,
        kind="payment_refund",
        amount=-amount,
        currency=currency,
        source=reversal_id,
        account=transfer["destination"],
    )
    reversal = fill(
        stripe.TransferReversal,
        id=reversal_id,
        object="transfer_reversal",
        amount=amount,
        balance_transaction=balance_transaction(
            world, kind="transfer_refund", amount=amount, currency=currency, source=reversal_id
        ),
        created=world.seconds(),
        currency=currency,
        metadata=metadata or {},
        source_refund=refund,
        transfer=transfer["id"],
    )
    world.store.put(reversal)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    transfer["reversals"]["data"].insert(0, reversal)
    world.store.put(transfer)
    if with_fee:
        _return_fee(world, transfer)
    emit(world, "transfer.reversed", transfer)
    return reversal


def _return_fee(world: World, transfer: dict[str, Any]) -> None:
    """As much of the platform's fee as of the transfer has gone back, rounded down."""
    if not transfer.get("_fee"):
        return
    fee = world.get(transfer["_fee"], "application_fee")
    due = fee["amount"] * transfer["amount_reversed"] // transfer["amount"]
    if due > fee["amount_refunded"]:
        application_fees.give_back(world, fee["id"], due - fee["amount_refunded"])


# destination charges


def send_to_destination(world: World, intent: dict[str, Any], charge: dict[str, Any]) -> None:
    """Pass a paid charge on as its intent says; the charge then names transfer and fee."""
    data = intent["transfer_data"]
    if data is None:
        return
    fee = intent["application_fee_amount"] or 0
    account = data["destination"]
    transfer = _send(
        world,
        account=account,
        amount=data.get("amount") or charge["amount"],
        currency=charge["currency"],
        given={
            "source_transaction": charge["id"],
            "transfer_group": intent["transfer_group"] or f"group_{intent['id']}",
        },
        fee=fee,
    )
    charge.update(
        transfer=transfer["id"],
        transfer_data={"amount": data.get("amount"), "destination": account},
        transfer_group=transfer["transfer_group"],
        application_fee_amount=fee or None,
    )
    if fee:
        taken = application_fees.take(
            world,
            account=account,
            amount=fee,
            currency=charge["currency"],
            payment=transfer["destination_payment"],
            charge=charge["id"],
        )
        charge["application_fee"] = transfer["_fee"] = taken["id"]
        world.store.put(transfer)


def reverse_for_refund(
    world: World, charge: dict[str, Any], refund_id: str, params: dict[str, Any]
) -> str | None:
    """What `reverse_transfer` and `refund_application_fee` of a refund do.

    `charge` has the refund counted already. In proportion to what went back, whatever the
    account still has: its balance may become negative. Returns the reversal's id.
    """
    if not (params.get("reverse_transfer") or params.get("refund_application_fee")):
        return None
    if charge["transfer"] is None:
        name = "reverse_transfer" if params.get("reverse_transfer") else "refund_application_fee"
        raise ApiError(
            "Attempting to reverse a transfer or a fee of a charge that has none.", param=name
        )
    transfer = world.get(charge["transfer"], "transfer")
    if not params.get("reverse_transfer"):
        raise ApiError(
            "The emulator refunds an application fee together with the transfer alone.",
            param="refund_application_fee",
        )
    due = transfer["amount"] * charge["amount_refunded"] // charge["amount"]
    amount = due - transfer["amount_reversed"]
    if amount <= 0:
        return None
    reversal: str = _reverse(
        world,
        transfer,
        amount,
        refund=refund_id,
        with_fee=params.get("refund_application_fee", False),
    )["id"]
    return reversal


def _list_reversals(world: World, transfer_id: str, params: dict[str, Any]) -> dict[str, Any]:
    transfer = world.get(transfer_id, "transfer")
    page, more = page_of(transfer["reversals"]["data"], params)
    return {**transfer["reversals"], "data": page, "has_more": more}


ROUTES = [
    route("POST", "/transfers", TransferCreateParams, _create, required=("amount",)),
    route("POST", "/transfers/{id}/reversals", TransferReversalCreateParams, _create_reversal),
    route("GET", "/transfers/{id}/reversals", TransferListReversalsParams, _list_reversals),
    *readable("/transfers", "transfer", TransferRetrieveParams, TransferListParams),
]
