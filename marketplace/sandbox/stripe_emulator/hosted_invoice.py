"""The hosted page of an invoice: where a buyer pays what their card did not."""

from __future__ import annotations

import secrets
from typing import Any

from marketplace.sandbox.stripe_emulator import billing_pages as pages
from marketplace.sandbox.stripe_emulator import invoices, subscriptions
from marketplace.sandbox.stripe_emulator.hosted import FieldError, Page, Redirect, read_card
from marketplace.sandbox.stripe_emulator.payments import CHALLENGED, Card, Declined
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["front", "pay"]


def front(world: World, invoice_id: str) -> Page:
    """What is owed, or a sentence where nothing is any more."""
    invoice = world.store.get(invoice_id)
    if invoice is None or invoice["object"] != "invoice" or invoice["status"] == "draft":
        return Page(pages.message("There is no such invoice."), 404)
    if invoice["status"] != "open":
        return Page(pages.message(f"This invoice is {invoice['status']} already."), 200)
    return Page(pages.invoice(invoice))


def pay(world: World, invoice_id: str, form: dict[str, str]) -> Page | Redirect:
    """The buyer pressed Pay, or answered the bank's question."""
    page = front(world, invoice_id)
    invoice = world.store.get(invoice_id)
    if invoice is None or invoice.get("status") != "open":
        return page
    if "verdict" in form:
        return _answered(world, invoice, form)
    try:
        card = read_card(world, form)
    except FieldError as error:
        return Page(pages.invoice(invoice, alert=str(error), typed=form), 422)
    if card.number in CHALLENGED:
        token = secrets.token_urlsafe(16)
        kept = [card.number, card.exp_month, card.exp_year]
        with world.store.transaction():
            world.store.put({**invoice, "_challenge": {"token": token, "card": kept}})
        return Page(pages.challenge(invoice, token))
    return _charge(world, invoice, card, authenticated=True)


def _answered(world: World, invoice: dict[str, Any], form: dict[str, str]) -> Page | Redirect:
    asked = invoice.pop("_challenge", None)
    if asked is None or not secrets.compare_digest(asked["token"], form.get("token", "")):
        return Page(pages.message("There is no such question of your bank."), 404)
    approved = form["verdict"] == "approve"
    return _charge(world, invoice, Card(*asked["card"]), authenticated=approved)


def _charge(
    world: World, invoice: dict[str, Any], card: Card, *, authenticated: bool
) -> Page | Redirect:
    refused = ""
    # A refusal is an outcome to keep: the failed charge stays in the books.
    with world.store.transaction():
        try:
            invoices.pay_by_card(world, invoice, card, present=True, authenticated=authenticated)
        except Declined as error:
            refused = str(error)
        else:
            subscription = world.get(invoices.subscription_of(invoice), "subscription")
            subscriptions.recovered(world, subscription, card)
    if refused:
        return Page(pages.invoice(invoice, alert=refused), 402)
    return Page(pages.message("Thank you. The invoice is paid; you can go back to the shop."))
