"""The hosted payment page: what the buyer sees, types and presses."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

from marketplace.sandbox.stripe_emulator import pages, sessions, subscriptions
from marketplace.sandbox.stripe_emulator.payments import (
    CHALLENGED,
    Card,
    Declined,
    pay_by_bank,
    pay_by_card,
)
from marketplace.sandbox.stripe_emulator.tax import TaxFieldError, billing_of
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["FieldError", "Page", "Redirect", "challenge", "front", "pay", "read_card"]


@dataclass(frozen=True, slots=True)
class Page:
    html: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str


class FieldError(Exception):
    """What was typed cannot be right; the sentence says which field."""


def front(world: World, session_id: str) -> Page:
    """The page of a session, or a sentence where there is nothing to pay any more."""
    session, closed = _open_session(world, session_id)
    return closed or Page(pages.checkout(session))


def pay(world: World, session_id: str, form: dict[str, str]) -> Page | Redirect:
    """The buyer pressed Pay."""
    session, closed = _open_session(world, session_id)
    if closed:
        return closed
    email = session["customer_email"] or form.get("email", "").strip()
    name = form.get("name", "").strip() or None
    try:
        _check_email(email)
        session["_billing"] = billing_of(session, form)
        if form.get("method", "card") in ("bank", "bank_fail") and _takes_bank(session):
            succeeds = form["method"] == "bank"
            with world.store.transaction():
                pay_by_bank(world, session, email=email, name=name, succeeds=succeeds)
            return Redirect(sessions.success_url(session))
        return _pay_by_card(world, session, read_card(world, form), email=email, name=name)
    except (FieldError, TaxFieldError) as error:
        return Page(pages.checkout(session, alert=str(error), typed=form), 422)


def _pay_by_card(
    world: World, session: dict[str, Any], card: Card, *, email: str, name: str | None
) -> Page | Redirect:
    if card.number in CHALLENGED:
        token = secrets.token_urlsafe(16)
        with world.store.transaction():
            session["_challenge"] = {
                "token": token,
                "card": [card.number, card.exp_month, card.exp_year],
                "email": email,
                "name": name,
            }
            world.store.put(session)
        return Redirect(f"{world.base_url}/c/pay/{session['id']}/challenge/{token}")
    return _charge(world, session, card, email=email, name=name)


def _charge(
    world: World,
    session: dict[str, Any],
    card: Card,
    *,
    email: str,
    name: str | None,
    authenticated: bool = True,
) -> Page | Redirect:
    declined: Declined | None = None
    # A refusal is an outcome to keep: the failed charge stays in the books.
    with world.store.transaction():
        try:
            begin = subscriptions.begin if session["mode"] == "subscription" else pay_by_card
            begin(world, session, card, email=email, name=name, authenticated=authenticated)
        except Declined as error:
            declined = error
    if declined is None:
        return Redirect(sessions.success_url(session))
    typed = {"email": email, "name": name or ""}
    return Page(pages.checkout(session, alert=str(declined), typed=typed), 402)


def challenge(world: World, session_id: str, token: str, verdict: str | None) -> Page | Redirect:
    """The bank's page (3-D Secure): ask, then pay or refuse by `verdict`."""
    session, closed = _open_session(world, session_id)
    if closed:
        return closed
    asked = session.get("_challenge")
    if asked is None or not secrets.compare_digest(asked["token"], token):
        return Page(pages.message("There is no such question of your bank.", session), 404)
    if verdict is None:
        return Page(pages.challenge(session, token))
    del session["_challenge"]
    return _charge(
        world,
        session,
        Card(*asked["card"]),
        email=asked["email"],
        name=asked["name"],
        authenticated=verdict == "approve",
    )


def _open_session(world: World, session_id: str) -> tuple[dict[str, Any], Page | None]:
    session = world.store.get(session_id)
    if session is None or session["object"] != "checkout.session":
        return {}, Page(pages.message("There is no such payment page.", None), 404)
    with world.store.transaction():
        session = sessions.expire_if_due(world, session)
    if session["status"] == "complete":
        return session, Page(pages.message("This payment is done already.", session), 410)
    if session["status"] == "expired":
        sentence = "This payment page has expired. Nothing was taken. Go back to start again."
        return session, Page(pages.message(sentence, session), 410)
    return session, None


def _takes_bank(session: dict[str, Any]) -> bool:
    return "customer_balance" in session["payment_method_types"]


def _check_email(email: str) -> None:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise FieldError("Enter an e-mail address, like you@example.com.")


def read_card(world: World, form: dict[str, str]) -> Card:
    number = re.sub(r"[\s-]", "", form.get("number", ""))
    if not (number.isascii() and number.isdecimal() and 13 <= len(number) <= 19) or not _luhn(
        number
    ):
        raise FieldError("Your card number is invalid.")
    typed = form.get("expiry", "").strip()
    if re.fullmatch(r"\d{4}", typed):
        typed = f"{typed[:2]}/{typed[2:]}"  # Stripe's own page puts the slash there by itself
    expiry = re.fullmatch(r"(0?[1-9]|1[0-2])\s*/\s*(?:20)?(\d\d)", typed)
    if not expiry:
        raise FieldError("Write the expiry as month / year, like 12 / 34.")
    month, year = int(expiry[1]), 2000 + int(expiry[2])
    # Seconds since 1970 are close enough to tell a month that is long past.
    if year * 12 + month < 1970 * 12 + int(world.now() / (365.2425 / 12 * 86400)):
        raise FieldError("Your card's expiration date is in the past.")
    if not re.fullmatch(r"\d{3,4}", form.get("cvc", "").strip()):
        raise FieldError("Your card's security code is incomplete.")
    return Card(number, month, year)


def _luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    digits = [int(c) for c in reversed(number)]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
