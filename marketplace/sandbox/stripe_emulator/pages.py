"""The HTML of the hosted pages. Everything that came from outside goes through `text`."""

from __future__ import annotations

import html
from typing import Any

from marketplace.sandbox.stripe_emulator.currencies import format_amount
from marketplace.sandbox.stripe_emulator.tax import COUNTRIES, wants_billing

__all__ = ["challenge", "checkout", "document", "message", "text"]

_TEST_CARDS = [
    ("4242 4242 4242 4242", "is accepted"),
    ("4000 0000 0000 0002", "is declined"),
    ("4000 0000 0000 9995", "has insufficient funds"),
    ("4000 0025 0000 3155", "asks for a confirmation (3-D Secure)"),
    ("4000 0000 0000 7726", "a refund is pending first"),
    ("4000 0000 0000 5126", "a refund fails later"),
    ("4000 0000 0000 0259", "is disputed as fraud later"),
    ("4000 0000 0000 2685", "is disputed as not received later"),
    ("4000 0000 0000 1976", "makes the bank ask first (an inquiry)"),
]


def checkout(
    session: dict[str, Any], *, alert: str = "", typed: dict[str, str] | None = None
) -> str:
    """The page with the summary on the left and the form on the right."""
    total = format_amount(session["amount_total"], session["currency"])
    body = f"""
<main class="pay">
  <section class="summary">
    {_back(session)}
    <p class="muted">Pay Geobuk</p>
    <h1 class="total">{text(total)}</h1>
    <ul class="items">{"".join(map(_item, session["_items"]))}</ul>
    <p class="sum"><span>Total due</span><span>{text(total)}</span></p>
  </section>
  <section class="form">
    {f'<p class="alert" role="alert">{text(alert)}</p>' if alert else ""}
    {_form(session, typed or {}, total)}
    {_cards()}
  </section>
</main>"""
    return document("Payment", body)


def _item(item: dict[str, Any]) -> str:
    amount = format_amount(item["amount_total"], item["currency"])
    count = f" × {item['quantity']}" if item["quantity"] > 1 else ""
    if recurring := item["price"]["recurring"]:
        amount += f" each {recurring['interval']}"
    return f"<li><span>{text(item['description'])}{count}</span><span>{text(amount)}</span></li>"


def _form(session: dict[str, Any], typed: dict[str, str], total: str) -> str:
    email = session["customer_email"] or typed.get("email", "")
    fixed = " readonly" if session["customer_email"] else ""
    method = typed.get("method", "card")
    return f"""
<form method="post" class="fields">
  <label>E-mail
    <input name="email" type="email" required autocomplete="email" value="{text(email)}"{fixed}>
  </label>
  {_billing(session, typed)}
  <fieldset>
    <legend>Payment method</legend>
    {_methods(session, method)}
    <div class="card">
      <label>Card number
        <input name="number" inputmode="numeric" autocomplete="cc-number" maxlength="23"
          placeholder="1234 1234 1234 1234" value="{text(typed.get("number", ""))}">
      </label>
      <label>Expiry
        <input name="expiry" autocomplete="cc-exp" placeholder="MM / YY" maxlength="9"
          value="{text(typed.get("expiry", ""))}">
      </label>
      <label>CVC
        <input name="cvc" inputmode="numeric" autocomplete="cc-csc" placeholder="CVC" maxlength="4">
      </label>
      <label>Name on the card
        <input name="name" autocomplete="cc-name" value="{text(typed.get("name", ""))}">
      </label>
    </div>
  </fieldset>
  <button type="submit">Pay {text(total)}</button>
</form>"""


def _billing(session: dict[str, Any], typed: dict[str, str]) -> str:
    """Country and business number, where the shop has asked for them."""
    if not wants_billing(session):
        return ""
    chosen = typed.get("country", "KR")
    options = "".join(
        f'<option value="{code}"{" selected" if code == chosen else ""}>{code}</option>'
        for code in COUNTRIES
    )
    number = ""
    if session["tax_id_collection"]["enabled"]:
        number = (
            "<label>Business tax number (leave empty as a private person)"
            f'<input name="tax_id" maxlength="30" value="{text(typed.get("tax_id", ""))}"></label>'
        )
    return f'<label>Country<select name="country">{options}</select></label>{number}'


def _methods(session: dict[str, Any], chosen: str) -> str:
    methods = [("card", "card", "Card")]
    if "customer_balance" in session["payment_method_types"]:
        methods += [
            ("bank", "bank", "Bank transfer (the money arrives a little later)"),
            ("bank_fail", "bank-fail", "Bank transfer (the money never arrives)"),
        ]
    return "".join(
        f'<label class="method"><input type="radio" name="method" value="{value}" id="{ident}"'
        f"{' checked' if value == chosen else ''}> {label}</label>"
        for value, ident, label in methods
    )


def _cards() -> str:
    rows = "".join(f"<tr><td><code>{n}</code></td><td>{what}</td></tr>" for n, what in _TEST_CARDS)
    return (
        "<details open><summary>Test cards</summary>"
        f"<table>{rows}</table><p class='muted'>Any future expiry, any CVC.</p></details>"
    )


def challenge(session: dict[str, Any], token: str) -> str:
    """The page on which "the bank" asks whether it is really the buyer."""
    total = format_amount(session["amount_total"], session["currency"])
    return document(
        "Confirm the payment",
        f"""
<main class="bank">
  <h1>Is it you who pays {text(total)}?</h1>
  <p>With a real card your bank would ask you here (3-D Secure 2).</p>
  <form method="post" action="/c/pay/{session["id"]}/challenge/{text(token)}">
    <button name="verdict" value="approve">Yes, approve</button>
    <button name="verdict" value="refuse" class="quiet">No, refuse</button>
  </form>
</main>""",
    )


def message(sentence: str, session: dict[str, Any] | None) -> str:
    """A page that only says something."""
    back = _back(session) if session else ""
    return document("Payment", f'<main class="bank"><h1>{text(sentence)}</h1>{back}</main>')


def _back(session: dict[str, Any]) -> str:
    url = session["cancel_url"]
    return f'<a class="back" href="{text(url)}">← Back to the shop</a>' if url else ""


def document(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)} · Stripe emulator</title>
<link rel="stylesheet" href="/assets/page.css">
</head>
<body>
<header class="banner"><strong>Stripe emulator.</strong> This page runs on your own machine;
no money moves. Never type a real card number.</header>
{body}
</body>
</html>"""


def text(value: object) -> str:
    """What came from outside, safe to stand in HTML and in an attribute."""
    return html.escape(str(value), quote=True)
