"""Disputes: a buyer's bank takes the money back, hears what the shop says, and decides.

    inquiry     warning_needs_response ► warning_under_review ► warning_closed
                        └────────────────────┴► needs_response (escalated)
    chargeback  needs_response ► under_review ► won | lost
                        └──────────────────────────► lost (accepted, or no answer in time)

The words of the test cards and of winning_evidence are those of Stripe's testing guide. Its
fees are not: the fee here is a figure to see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import stripe
from stripe.params import (
    DisputeCloseParams,
    DisputeListParams,
    DisputeRetrieveParams,
    DisputeUpdateParams,
)

from marketplace.sandbox.stripe_emulator import evidence
from marketplace.sandbox.stripe_emulator.balances import balance_transaction
from marketplace.sandbox.stripe_emulator.currencies import decimals
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.payments import DISPUTED
from marketplace.sandbox.stripe_emulator.routing import readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.store import public
from marketplace.sandbox.stripe_emulator.world import World

__all__ = [
    "JOBS",
    "ROUTES",
    "appeal",
    "close_inquiry",
    "decide",
    "escalate",
    "open_dispute",
    "refunded",
    "refuse_refund",
]

# Number to (reason, whether it only asks).
CARDS = {
    "4000000000000259": ("fraudulent", False),
    "4000000000002685": ("product_not_received", False),
    "4000000000001976": ("fraudulent", True),
}
TIME_TO_ANSWER = 9 * 24 * 3600  # seconds; banks give 7 to 21 days
_NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}
_OPEN = frozenset({"needs_response", "under_review"})
_WARNINGS = frozenset({"warning_needs_response", "warning_under_review"})
_ANSWERABLE = frozenset({"needs_response", "warning_needs_response"})


def open_dispute(
    world: World,
    charge_id: str,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    inquiry: bool = False,
) -> dict[str, Any]:
    """The buyer questions a charge; unless it is an `inquiry`, the money leaves at once.

    `amount` is what has not been refunded, or all of it where everything was. Raises ApiError.
    """
    charge = world.get(charge_id, "charge")
    if charge["status"] != "succeeded":
        raise ApiError("Only a charge that succeeded can be disputed.")
    left = charge["amount"] - charge["amount_refunded"] or charge["amount"]
    dispute = _dispute(world, charge, left if amount is None else amount, reason, inquiry=inquiry)
    charge["disputed"] = True
    world.store.put(charge)
    world.store.add_job(
        due=dispute["evidence_details"]["due_by"], kind="dispute_due", object_id=dispute["id"]
    )
    emit(world, "charge.dispute.created", world.store.put(dispute))
    if not inquiry:
        _withdraw(world, dispute)
    return dispute


def _dispute(
    world: World, charge: dict[str, Any], amount: int, reason: str, *, inquiry: bool
) -> dict[str, Any]:
    code = _NETWORK_CODES.get(reason)
    details = charge["payment_method_details"]
    card = fill(
        stripe.Dispute.PaymentMethodDetails.Card,
        brand=details["card"]["brand"] if details["type"] == "card" else "unknown",
        case_type="inquiry" if inquiry else "chargeback",
        network="visa",
        network_reason_code=code,
    )
    return fill(
        stripe.Dispute,
        id=world.new_id("du_"),
        object="dispute",
        amount=amount,
        balance_transactions=[],
        charge=charge["id"],
        created=world.seconds(),
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=evidence.blank(charge),
        evidence_details={
            "due_by": world.seconds() + TIME_TO_ANSWER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        livemode=False,
        metadata={},
        network_reason_code=code,
        payment_intent=charge["payment_intent"],
        payment_method_details=fill(stripe.Dispute.PaymentMethodDetails, type="card", card=card),
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )


def _withdraw(world: World, dispute: dict[str, Any]) -> None:
    """Take the disputed money, and the fee, from the shop's balance."""
    fee = {0: 15_000, 2: 1_500, 3: 5_000}[decimals(dispute["currency"])]
    _book(world, dispute, "dispute", -dispute["amount"], fee=fee)
    emit(world, "charge.dispute.funds_withdrawn", world.store.put(dispute))


def _book(
    world: World, dispute: dict[str, Any], category: str, amount: int, *, fee: int = 0
) -> None:
    transaction_id = balance_transaction(
        world,
        kind="adjustment",
        amount=amount,
        currency=dispute["currency"],
        source=dispute["id"],
        fee=fee,
    )
    transaction = world.get(transaction_id, "balance_transaction")
    transaction["reporting_category"] = category
    for detail in transaction["fee_details"]:
        detail["description"] = "Dispute fee"
    dispute["balance_transactions"].append(public(world.store.put(transaction)))


def update(world: World, dispute_id: str, params: dict[str, Any]) -> dict[str, Any]:
    """Add evidence, and unless `submit` is false hand it to the bank. Raises ApiError."""
    dispute = world.get(dispute_id, "dispute")
    for name in params.keys() - {"evidence", "metadata", "submit"}:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    if "metadata" in params:
        dispute["metadata"] = {**dispute["metadata"], **(params["metadata"] or {})}
    if "evidence" in params or "submit" in params:
        if dispute["status"] not in _ANSWERABLE:
            raise ApiError(
                f"This dispute cannot take evidence any more: its status is {dispute['status']}.",
                code="dispute_already_answered",
            )
        evidence.stage(world, dispute, params.get("evidence", {}))
        if params.get("submit", True):
            _submit(world, dispute)
    emit(world, "charge.dispute.updated", world.store.put(dispute))
    return dispute


def _submit(world: World, dispute: dict[str, Any]) -> None:
    warning = dispute["status"] in _WARNINGS
    details = dispute["evidence_details"]
    details["submission_count"] += 1
    details["submission_method"] = "manual"
    dispute["status"] = "warning_under_review" if warning else "under_review"
    kind = evidence.outcome(dispute)
    if kind is not None:
        due = world.now() + world.settle_after
        world.store.add_job(due=due, kind=kind, object_id=dispute["id"])


def close(world: World, dispute_id: str) -> dict[str, Any]:
    """The shop accepts that it has lost. Raises ApiError."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["status"] != "needs_response":
        raise ApiError(
            f"Only a dispute that needs a response can be closed, not {dispute['status']}."
        )
    return decide(world, dispute_id, won=False)


def decide(world: World, dispute_id: str, *, won: bool) -> dict[str, Any]:
    """What the bank decides. A decision that was made already stays as it is."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["status"] not in _OPEN:
        return dispute
    dispute["status"] = "won" if won else "lost"
    world.store.put(dispute)
    emit(world, "charge.dispute.updated", dispute)
    if won:
        # The fee stays with Stripe, also when the shop was right.
        _book(world, dispute, "dispute_reversal", dispute["amount"])
        emit(world, "charge.dispute.funds_reinstated", world.store.put(dispute))
    emit(world, "charge.dispute.closed", dispute)
    return dispute


def appeal(world: World, dispute_id: str) -> dict[str, Any]:
    """A dispute that was lost is decided anew, for the shop. Raises ApiError."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["status"] != "lost":
        raise ApiError(f"Only a lost dispute can be appealed, not one that is {dispute['status']}.")
    dispute["status"] = "under_review"
    world.store.put(dispute)
    return decide(world, dispute_id, won=True)


def escalate(world: World, dispute_id: str) -> dict[str, Any]:
    """The bank is not content with the answer to its inquiry: it takes the money. Raises ApiError."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["status"] not in _WARNINGS:
        raise ApiError(
            f"Only an inquiry can be escalated, not a dispute that is {dispute['status']}."
        )
    dispute["status"], dispute["is_charge_refundable"] = "needs_response", False
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    due_by = world.seconds() + TIME_TO_ANSWER
    dispute["evidence_details"]["due_by"] = due_by
    world.store.add_job(due=due_by, kind="dispute_due", object_id=dispute_id)
    emit(world, "charge.dispute.updated", world.store.put(dispute))
    _withdraw(world, dispute)
    return dispute


def close_inquiry(world: World, dispute_id: str) -> dict[str, Any]:
    """An inquiry ends without having become a dispute."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["status"] in _WARNINGS:
        dispute.update(status="warning_closed")
        emit(world, "charge.dispute.closed", world.store.put(dispute))
    return dispute


def _open_by_card(world: World, charge_id: str) -> None:
    reason, inquiry = DISPUTED[world.get(charge_id, "charge")["_card"]]
    open_dispute(world, charge_id, reason=reason, inquiry=inquiry)


def _run_out(world: World, dispute_id: str) -> None:
    """The time to answer is over: what was not answered is lost, or no longer asked."""
    dispute = world.get(dispute_id, "dispute")
    if dispute["evidence_details"]["due_by"] > world.now() or dispute["status"] not in _ANSWERABLE:
        return
    if dispute["status"] in _WARNINGS:
        close_inquiry(world, dispute_id)
    else:
        decide(world, dispute_id, won=False)


def refuse_refund(world: World, charge: dict[str, Any]) -> None:
    """Raise Stripe's error for a refund of money that the buyer's bank has taken back."""
    if not charge["disputed"]:
        return
    disputes = [d for d in world.store.all("dispute") if d["charge"] == charge["id"]]
    if any(d["status"] in _OPEN or d["status"] == "lost" for d in disputes):
        raise ApiError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )


def refunded(world: World, charge: dict[str, Any]) -> None:
    """A charge that went back in full has nothing left that an inquiry could ask for."""
    if charge["disputed"] and charge["refunded"]:
        for dispute in world.store.all("dispute"):
            if dispute["charge"] == charge["id"]:
                close_inquiry(world, dispute["id"])


JOBS: dict[str, Callable[[World, str], Any]] = {
    "open_dispute": _open_by_card,
    "dispute_due": _run_out,
    "win_dispute": functools.partial(decide, won=True),
    "lose_dispute": functools.partial(decide, won=False),
    "escalate_dispute": escalate,
    "close_inquiry": close_inquiry,
}
ROUTES = [
    *readable("/disputes", "dispute", DisputeRetrieveParams, DisputeListParams),
    route("POST", "/disputes/{id}", DisputeUpdateParams, update),
    route("POST", "/disputes/{id}/close", DisputeCloseParams, lambda w, i, _: close(w, i)),
]
