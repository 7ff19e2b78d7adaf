"""Invoices of subscriptions: drawn up, finalized, charged, and charged again where that failed.

    draft ──► open ──► paid
                └────► void

An invoice that no card pays stays open when its subscription ends, and its hosted page
still takes the money.
"""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import (
    InvoiceListParams,
    InvoicePaymentListParams,
    InvoicePaymentRetrieveParams,
    InvoiceRetrieveParams,
    InvoiceVoidInvoiceParams,
)

from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.payments import (
    Card,
    Declined,
    charge_card,
    new_intent,
)
from marketplace.sandbox.stripe_emulator.routing import Route, page_of, readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.tax import included
from marketplace.sandbox.stripe_emulator.world import World

__all__ = [
    "ALWAYS_ASKS",
    "ROUTES",
    "attach",
    "draw_up",
    "finalize",
    "mark_paid",
    "pay_by_card",
    "payments_of",
    "subscription_of",
    "void",
]

# Its bank wants to see the buyer at each payment, so it never pays by itself.
ALWAYS_ASKS = "4000002760003184"


def draw_up(
    world: World, subscription: dict[str, Any], *, reason: str, start: int, end: int
) -> dict[str, Any]:
    """A draft of what one period costs. `start` and `end` in seconds since 1970."""
    invoice_id = world.new_id("in_")
    price = world.get(subscription["_price"], "price")
    amount, currency = price["unit_amount"], price["currency"]
    country = subscription["_billing"].get("country")
    taxed = subscription["automatic_tax"]["enabled"]
    tax = included(amount, country) if taxed else 0
    period = {"start": start, "end": end}
    line = _line(world, invoice_id, subscription, amount, tax, period)
    invoice = fill(
        stripe.Invoice,
        id=invoice_id,
        object="invoice",
        amount_due=amount,
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=amount,
        amount_shipping=0,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={
            "disabled_reason": None,
            "enabled": taxed,
            "liability": {"type": "self"} if taxed else None,
            "provider": "stripe" if taxed else None,
            "status": "complete" if taxed else None,
        },
        billing_reason=reason,
        collection_method="charge_automatically",
        created=world.seconds(),
        currency=currency,
        customer=subscription["customer"],
        customer_address=_address(country),
        customer_email=subscription["_email"],
        customer_name=subscription["_name"],
        customer_tax_exempt="none",
        customer_tax_ids=subscription["_billing"].get("tax_ids") or [],
        default_tax_rates=[],
        discounts=[],
        issuer={"type": "self"},
        lines={
            "object": "list",
            "data": [line],
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        livemode=False,
        metadata={},
        parent={
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        payment_settings=fill(stripe.Invoice.PaymentSettings),
        # Of an invoice itself the period looks back; what is paid for stands in its lines.
        period_end=start,
        period_start=start,
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        starting_balance=0,
        status="draft",
        status_transitions=fill(stripe.Invoice.StatusTransitions),
        subtotal=amount,
        subtotal_excluding_tax=amount - tax,
        total=amount,
        total_discount_amounts=[],
        total_excluding_tax=amount - tax,
        total_taxes=[_tax(tax, amount)] if taxed else [],
    )
    invoice.pop("payments")  # only when expanded
    world.store.put(invoice)
    emit(world, "invoice.created", invoice)
    return invoice


def _line(
    world: World,
    invoice_id: str,
    subscription: dict[str, Any],
    amount: int,
    tax: int,
    period: dict[str, int],
) -> dict[str, Any]:
    item = subscription["items"]["data"][0]
    price = item["price"]
    return fill(
        stripe.InvoiceLineItem,
        id=world.new_id("il_"),
        object="line_item",
        amount=amount,
        currency=price["currency"],
        description=f"1 × {subscription['_title']}",
        discount_amounts=[],
        discountable=True,
        discounts=[],
        invoice=invoice_id,
        livemode=False,
        metadata=subscription["metadata"],
        parent={
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        period=period,
        pricing={
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(amount),
        },
        quantity=1,
        quantity_decimal="1",
        subscription=subscription["id"],
        subtotal=amount,
        taxes=[_tax(tax, amount)] if subscription["automatic_tax"]["enabled"] else [],
    )


def _tax(tax: int, amount: int) -> dict[str, Any]:
    return {
        "amount": tax,
        "tax_behavior": "inclusive",
        "tax_rate_details": None,
        "taxability_reason": "standard_rated" if tax else "not_collecting",
        "taxable_amount": amount - tax,
        "type": "tax_rate_details",
    }


def _address(country: str | None) -> dict[str, Any] | None:
    if country is None:
        return None
    return {
        **dict.fromkeys(("city", "line1", "line2", "postal_code", "state")),
        "country": country,
    }


def finalize(world: World, invoice: dict[str, Any]) -> None:
    """Give a draft its number and its page; from now on it is owed."""
    customer = world.get(invoice["customer"], "customer")
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    world.store.put(customer)
    now = world.seconds()
    invoice.update(
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04d}",
        effective_at=now,
        hosted_invoice_url=f"{world.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{world.base_url}/i/{invoice['id']}",
    )
    invoice["status_transitions"]["finalized_at"] = now
    world.store.put(invoice)
    emit(world, "invoice.finalized", invoice)


def pay_by_card(
    world: World, invoice: dict[str, Any], card: Card, *, present: bool, authenticated: bool = True
) -> None:
    """Charge an open invoice. `present`: the buyer sits before the page, as a bank may ask for.

    Raises Declined, after recording the attempt.
    """
    intent = _intent(world, invoice)
    needs_buyer = card.number == ALWAYS_ASKS and not present
    try:
        charge_card(
            world,
            intent,
            card,
            email=invoice["customer_email"],
            name=invoice["customer_name"],
            authenticated=authenticated and not needs_buyer,
        )
    except Declined:
        invoice.update(attempted=True, attempt_count=invoice["attempt_count"] + 1)
        world.store.put(invoice)
        raise
    mark_paid(world, invoice, intent)


def _intent(world: World, invoice: dict[str, Any]) -> dict[str, Any]:
    """The invoice's intent, made at the first attempt to pay."""
    for payment in _payments(world, invoice["id"]):
        return world.get(payment["payment"]["payment_intent"], "payment_intent")
    intent = new_intent(
        world,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        methods=["card"],
        given={
            "customer": invoice["customer"],
            "description": "Subscription update"
            if invoice["billing_reason"] == "subscription_cycle"
            else "Subscription creation",
            "receipt_email": None,
        },
    )
    attach(world, invoice, intent)
    return intent


def attach(world: World, invoice: dict[str, Any], intent: dict[str, Any]) -> None:
    """Say that this intent pays the invoice."""
    world.store.put(
        fill(
            stripe.InvoicePayment,
            id=world.new_id("inpay_"),
            object="invoice_payment",
            amount_requested=invoice["amount_due"],
            created=world.seconds(),
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=True,
            livemode=False,
            payment={"payment_intent": intent["id"], "type": "payment_intent"},
            status="open",
            status_transitions={"canceled_at": None, "paid_at": None},
        )
    )


def mark_paid(world: World, invoice: dict[str, Any], intent: dict[str, Any]) -> None:
    """The money of an open invoice is there."""
    now = world.seconds()
    for payment in _payments(world, invoice["id"]):
        payment.update(status="paid", amount_paid=payment["amount_requested"])
        payment["status_transitions"]["paid_at"] = now
        world.store.put(payment)
    invoice.update(
        status="paid",
        attempted=True,
        attempt_count=invoice["attempt_count"] + 1,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        auto_advance=False,
        next_payment_attempt=None,
    )
    invoice["status_transitions"]["paid_at"] = now
    world.store.put(invoice)
    emit(world, "invoice.paid", invoice)
    emit(world, "invoice.payment_succeeded", invoice)


def void(world: World, invoice_id: str) -> dict[str, Any]:
    """Nobody owes an open invoice any more."""
    invoice = world.get(invoice_id, "invoice")
    if invoice["status"] != "open":
        raise ApiError("You can only pass in open invoices. This invoice isn't open.")
    invoice.update(status="void", auto_advance=False, next_payment_attempt=None)
    invoice["status_transitions"]["voided_at"] = world.seconds()
    world.store.put(invoice)
    emit(world, "invoice.voided", invoice)
    return invoice


def subscription_of(invoice: dict[str, Any]) -> str:
    """The id of the subscription that an invoice is about."""
    found: str = invoice["parent"]["subscription_details"]["subscription"]
    return found


def _payments(world: World, invoice_id: str) -> list[dict[str, Any]]:
    return [p for p in world.store.all("invoice_payment") if p["invoice"] == invoice_id]


def payments_of(world: World, invoice: dict[str, Any]) -> dict[str, Any]:
    """What paid an invoice, as a list object."""
    return {
        "object": "list",
        "data": _payments(world, invoice["id"]),
        "has_more": False,
        "url": f"/v1/invoices/{invoice['id']}/payments",
    }


def _list(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    for name in params.keys() - {"customer", "limit", "starting_after", "status", "subscription"}:
        if name != "ending_before":
            raise ApiError(f"The emulator does not know what {name} does.", param=name)
    wanted = params.get("subscription")
    found = [
        invoice
        for invoice in world.store.all("invoice")
        if (wanted is None or subscription_of(invoice) == wanted)
        and params.get("customer", invoice["customer"]) == invoice["customer"]
        and params.get("status", invoice["status"]) == invoice["status"]
    ]
    page, more = page_of(found, params)
    return {"object": "list", "data": page, "has_more": more}


ROUTES: list[Route] = [
    route("GET", "/invoices", InvoiceListParams, _list),
    route("POST", "/invoices/{id}/void", InvoiceVoidInvoiceParams, lambda w, i, _: void(w, i)),
    *readable("/invoices", "invoice", InvoiceRetrieveParams, InvoiceListParams)[1:],
    *readable(
        "/invoice_payments",
        "invoice_payment",
        InvoicePaymentRetrieveParams,
        InvoicePaymentListParams,
    ),
]
