"""Refunds: full or partial, at once, pending, or failing after all."""

from __future__ import annotations

from typing import Any

import stripe

from marketplace.sandbox.stripe_emulator import disputes
from marketplace.sandbox.stripe_emulator.balances import balance_transaction
from marketplace.sandbox.stripe_emulator.currencies import format_amount
from marketplace.sandbox.stripe_emulator.errors import ApiError, missing_resource
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.transfers import reverse_for_refund
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["create", "of_charge", "settle"]

PENDING_CARD = "4000000000007726"
FAILING_CARD = "4000000000005126"
_SUPPORTED = frozenset(
    {"amount", "charge", "metadata", "payment_intent", "reason", "refund_application_fee",
     "reverse_transfer"}
)  # fmt: skip


def create(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """Give back `amount` of a charge, or what is left of it. Raises ApiError."""
    for name in params.keys() - _SUPPORTED:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    charge = _charge(world, params)
    disputes.refuse_refund(world, charge)
    currency = charge["currency"]
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise ApiError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    amount = params.get("amount", left)
    if amount <= 0:
        raise ApiError("Invalid positive integer", param="amount")
    if amount > left:
        raise ApiError(
            f"Refund amount ({format_amount(amount, currency)}) is greater than unrefunded amount"
            f" on charge ({format_amount(left, currency)})",
            code="charge_exceeds_transaction_limit" if charge["amount_refunded"] else None,
            param="amount",
        )
    pending = charge.get("_card") == PENDING_CARD
    refund = _refund(world, charge, amount, params, pending=pending)
    _book(world, charge, amount)
    reversal = reverse_for_refund(world, charge, refund["id"], params)
    if reversal is not None:
        refund["transfer_reversal"] = reversal
        world.store.put(refund)
    emit(world, "refund.created", refund)
    emit(world, "charge.refunded", charge)
    disputes.refunded(world, charge)
    if pending or charge.get("_card") == FAILING_CARD:
        kind = "settle_refund" if pending else "fail_refund"
        world.store.add_job(due=world.now() + world.settle_after, kind=kind, object_id=refund["id"])
    return refund


def _charge(world: World, params: dict[str, Any]) -> dict[str, Any]:
    if "charge" in params:
        charge = world.get(params["charge"], "charge", param="charge")
    elif "payment_intent" in params:
        intent = world.get(params["payment_intent"], "payment_intent", param="payment_intent")
        if intent["latest_charge"] is None:
            raise ApiError(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        charge = world.get(intent["latest_charge"], "charge")
    else:
        raise ApiError(
            "One of the following params should be provided for this request: payment_intent or"
            " charge.",
            code="parameter_missing",
        )
    if charge["status"] != "succeeded":
        raise ApiError(
            f"This charge ({charge['id']}) does not have a successful payment to refund.",
            code="charge_not_refundable",
        )
    return charge


def _refund(
    world: World, charge: dict[str, Any], amount: int, params: dict[str, Any], *, pending: bool
) -> dict[str, Any]:
    refund_id = world.new_id("re_")
    transaction = balance_transaction(
        world, kind="refund", amount=-amount, currency=charge["currency"], source=refund_id
    )
    return world.store.put(
        fill(
            stripe.Refund,
            id=refund_id,
            object="refund",
            amount=amount,
            balance_transaction=transaction,
            charge=charge["id"],
            created=world.seconds(),
            currency=charge["currency"],
            metadata=params.get("metadata") or {},
            payment_intent=charge["payment_intent"],
            pending_reason="processing" if pending else None,
            reason=params.get("reason"),
            status="pending" if pending else "succeeded",
        )
    )


def _book(world: World, charge: dict[str, Any], amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.store.put(charge)


def settle(world: World, refund_id: str, *, succeeds: bool) -> None:
    """What the buyer's bank says later: the money arrived, or came back to us."""
    refund = world.store.get(refund_id)
    if refund is None:
        raise missing_resource("refund", refund_id)
    before = refund["status"]
    if before in ("failed", "canceled") or (succeeds and before == "succeeded"):
        return
    refund.update(status="succeeded" if succeeds else "failed", pending_reason=None)
    if succeeds:
        world.store.put(refund)
        emit(world, "refund.updated", refund, previous={"status": before})
        return
    refund["failure_reason"] = "expired_or_canceled_card"
    refund["failure_balance_transaction"] = balance_transaction(
        world,
        kind="refund_failure",
        amount=refund["amount"],
        currency=refund["currency"],
        source=refund_id,
    )
    world.store.put(refund)
    _book(world, world.get(refund["charge"], "charge"), -refund["amount"])
    emit(world, "refund.updated", refund, previous={"status": before})
    emit(world, "refund.failed", refund)


def of_charge(world: World, charge: dict[str, Any]) -> dict[str, Any]:
    """The charge's refunds as a list object, newest first."""
    found = [r for r in world.store.all("refund") if r["charge"] == charge["id"]]
    return {
        "object": "list",
        "data": found[:10],
        "has_more": len(found) > 10,
        "url": f"/v1/charges/{charge['id']}/refunds",
    }
