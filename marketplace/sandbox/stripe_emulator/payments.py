"""PaymentIntents, charges and balance transactions, and what each test card does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import stripe

from marketplace.sandbox.stripe_emulator import sessions
from marketplace.sandbox.stripe_emulator.balances import balance_transaction
from marketplace.sandbox.stripe_emulator.currencies import decimals
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.transfers import send_to_destination
from marketplace.sandbox.stripe_emulator.world import World

__all__ = [
    "BANK",
    "CHALLENGED",
    "DISPUTED",
    "Card",
    "Declined",
    "charge_card",
    "new_intent",
    "pay_by_bank",
    "pay_by_card",
    "settle",
]

BANK = "customer_balance"  # a method whose money arrives later
CHALLENGED = frozenset({"4000002500003155", "4000000000003220", "4000002760003184"})
# Paid at first; its holder questions the charge later. Number to (reason, whether it only asks).
DISPUTED = {
    "4000000000000259": ("fraudulent", False),
    "4000000000002685": ("product_not_received", False),
    "4000000000001976": ("fraudulent", True),
}
# Number to (code, decline code, sentence).
_DECLINES = {
    "4000000000000002": ("card_declined", "generic_decline", "Your card was declined."),
    "4000000000009995": (
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    # It can be kept for later, and every charge of it fails: a renewal that goes wrong.
    "4000000000000341": ("card_declined", "generic_decline", "Your card was declined."),
    "4000000000009987": ("card_declined", "lost_card", "Your card was declined."),
    "4000000000009979": ("card_declined", "stolen_card", "Your card was declined."),
    "4000000000000069": ("expired_card", None, "Your card has expired."),
    "4000000000000127": ("incorrect_cvc", None, "Your card's security code is incorrect."),
    "4000000000000119": (
        "processing_error",
        None,
        "An error occurred while processing your card. Try again in a little bit.",
    ),
}
_NOT_AUTHENTICATED = (
    "We are unable to authenticate your payment method. Please choose a different payment method"
    " and try again."
)
_GOOD = frozenset(
    {
        "4242424242424242",
        "5555555555554444",
        "4000004100000000",  # issued in Korea
        "4000000000000077",
        "4000000000007726",  # its refund is pending first, then succeeds
        "4000000000005126",  # its refund succeeds first, then fails
        *CHALLENGED,
        *DISPUTED,
    }
)


class Declined(Exception):  # noqa: N818  an outcome of paying, not a fault
    """The bank says no; the buyer may try another card."""


@dataclass(frozen=True, slots=True)
class Card:
    """What was typed on the hosted page; `number` is digits only."""

    number: str
    exp_month: int
    exp_year: int


def pay_by_card(
    world: World,
    session: dict[str, Any],
    card: Card,
    *,
    email: str,
    name: str | None,
    authenticated: bool = True,
) -> None:
    """Charge an open session. Raises Declined, after recording the failed attempt."""
    intent = _intent(world, session)
    charge_card(world, intent, card, email=email, name=name, authenticated=authenticated)
    sessions.complete(world, session, paid=True, email=email, name=name)


def charge_card(
    world: World,
    intent: dict[str, Any],
    card: Card,
    *,
    email: str,
    name: str | None,
    authenticated: bool = True,
) -> None:
    """Charge a card for an intent. Raises Declined, after recording the failed attempt."""
    charge = _charge(world, intent, _card_details(card), email=email, name=name)
    charge["_card"] = card.number
    refusal = _refusal(card.number, authenticated=authenticated)
    if refusal is not None:
        _fail(world, intent, charge, refusal)
        raise Declined(refusal[2])
    _succeed(world, intent, charge)
    if card.number in DISPUTED:
        due = world.now() + world.settle_after
        world.store.add_job(due=due, kind="open_dispute", object_id=charge["id"])


def _refusal(number: str, *, authenticated: bool) -> tuple[str, str | None, str] | None:
    if not authenticated:
        return (
            "payment_intent_authentication_failure",
            None,
            _NOT_AUTHENTICATED,
        )
    if number in _GOOD:
        return None
    # Stripe's test mode takes its own numbers alone.
    return _DECLINES.get(
        number, ("card_declined", "test_mode_live_card", "Your card was declined.")
    )


def pay_by_bank(
    world: World, session: dict[str, Any], *, email: str, name: str | None, succeeds: bool
) -> None:
    """Promise the money of an open session; it arrives, or fails to, after `settle_after`."""
    intent = _intent(world, session)
    charge = _charge(world, intent, {"type": BANK, BANK: {}}, email=email, name=name)
    intent.update(status="processing", latest_charge=charge["id"])
    world.store.put(charge)
    world.store.put(intent)
    emit(world, "charge.pending", charge)
    emit(world, "payment_intent.processing", intent)
    sessions.complete(world, session, paid=False, email=email, name=name)
    kind = "settle_payment" if succeeds else "fail_payment"
    world.store.add_job(due=world.now() + world.settle_after, kind=kind, object_id=session["id"])


def settle(world: World, session_id: str, *, succeeds: bool) -> None:
    """What the bank says later about an asynchronous payment."""
    session = world.get(session_id, "checkout.session")
    intent = world.get(session["payment_intent"], "payment_intent")
    if intent["status"] != "processing":
        return
    charge = world.get(intent["latest_charge"], "charge")
    if succeeds:
        _succeed(world, intent, charge)
        session["payment_status"] = "paid"
        world.store.put(session)
        emit(world, "checkout.session.async_payment_succeeded", session)
    else:
        _fail(world, intent, charge, ("payment_method_provider_decline", None, "The bank refused."))
        emit(world, "checkout.session.async_payment_failed", session)


def _intent(world: World, session: dict[str, Any]) -> dict[str, Any]:
    """The session's intent, made at the first attempt to pay."""
    if session["payment_intent"] is not None:
        return world.get(session["payment_intent"], "payment_intent")
    given = session["_intent"]
    intent = new_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        methods=session["payment_method_types"],
        given=given,
    )
    session["payment_intent"] = intent["id"]
    world.store.put(session)
    return intent


def new_intent(
    world: World, *, amount: int, currency: str, methods: list[str], given: dict[str, Any]
) -> dict[str, Any]:
    """An intent to take `amount`; `given` as in a session's payment_intent_data."""
    intent_id = world.new_id("pi_")
    intent = fill(
        stripe.PaymentIntent,
        id=intent_id,
        object="payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        capture_method="automatic_async",
        client_secret=f"{intent_id}_secret_{world.new_id('')}",
        confirmation_method="automatic",
        created=world.seconds(),
        currency=currency,
        customer=given.get("customer"),
        description=given.get("description"),
        livemode=False,
        metadata=given.get("metadata", {}),
        payment_method_types=methods,
        receipt_email=given.get("receipt_email"),
        transfer_data=given.get("transfer_data"),
        transfer_group=given.get("transfer_group"),
        application_fee_amount=given.get("application_fee_amount"),
        on_behalf_of=given.get("on_behalf_of"),
        status="requires_payment_method",
    )
    world.store.put(intent)
    emit(world, "payment_intent.created", intent)
    return intent


def _charge(
    world: World, intent: dict[str, Any], method: dict[str, Any], *, email: str, name: str | None
) -> dict[str, Any]:
    details = {"address": None, "email": email, "name": name, "phone": None, "tax_id": None}
    return fill(
        stripe.Charge,
        id=world.new_id("ch_"),
        object="charge",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        billing_details=details,
        captured=False,
        created=world.seconds(),
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        livemode=False,
        metadata=intent["metadata"],
        paid=False,
        payment_intent=intent["id"],
        payment_method=world.new_id("pm_"),
        payment_method_details=method,
        receipt_email=intent["receipt_email"],
        refunded=False,
        status="pending",
    )


def _card_details(card: Card) -> dict[str, Any]:
    shown = fill(
        stripe.Charge.PaymentMethodDetails.Card,
        brand="mastercard" if card.number.startswith("5") else "visa",
        country="KR" if card.number == "4000004100000000" else "US",
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        funding="credit",
        last4=card.number[-4:],
    )
    return {"type": "card", "card": shown}


def _succeed(world: World, intent: dict[str, Any], charge: dict[str, Any]) -> None:
    amount, currency = intent["amount"], intent["currency"]
    # 2.9 % and 30 cents, or about as much: a figure for the shop to show, not Stripe's price list.
    fee = (amount * 29 + 500) // 1000 + (300 if decimals(currency) == 0 else 30)
    transaction = balance_transaction(
        world, kind="charge", amount=amount, currency=currency, source=charge["id"], fee=fee
    )
    charge.update(
        status="succeeded",
        paid=True,
        captured=True,
        amount_captured=amount,
        balance_transaction=transaction,
        outcome=_outcome("approved_by_network", "Payment complete.", "authorized"),
    )
    send_to_destination(world, intent, charge)
    intent.update(
        status="succeeded", amount_received=amount, latest_charge=charge["id"],
        last_payment_error=None,
    )  # fmt: skip
    world.store.put(charge)
    world.store.put(intent)
    emit(world, "charge.succeeded", charge)
    emit(world, "payment_intent.succeeded", intent)


def _fail(
    world: World,
    intent: dict[str, Any],
    charge: dict[str, Any],
    refusal: tuple[str, str | None, str],
) -> None:
    code, decline_code, message = refusal
    charge.update(
        status="failed",
        failure_code=code,
        failure_message=message,
        outcome=_outcome(
            "declined_by_network", "The bank declined the payment.", "issuer_declined"
        ),
    )
    error = {"type": "card_error", "code": code, "message": message, "charge": charge["id"]}
    if decline_code is not None:
        error["decline_code"] = decline_code
    intent.update(
        status="requires_payment_method", latest_charge=charge["id"], last_payment_error=error
    )
    world.store.put(charge)
    world.store.put(intent)
    emit(world, "charge.failed", charge)
    emit(world, "payment_intent.payment_failed", intent)


def _outcome(network: str, message: str, kind: str) -> dict[str, Any]:
    return fill(
        stripe.Charge.Outcome,
        network_status=network,
        seller_message=message,
        type=kind,
        risk_level="normal",
    )
