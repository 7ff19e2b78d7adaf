"""The HTML of the pages of an invoice."""

from __future__ import annotations

from typing import Any

from marketplace.sandbox.stripe_emulator.currencies import format_amount
from marketplace.sandbox.stripe_emulator.pages import document, text

__all__ = ["challenge", "invoice", "message"]


def invoice(owed: dict[str, Any], *, alert: str = "", typed: dict[str, str] | None = None) -> str:
    """The page on which an open invoice is paid by card."""
    total = format_amount(owed["amount_due"], owed["currency"])
    typed = typed or {}
    warning = f'<p class="alert" role="alert">{text(alert)}</p>' if alert else ""
    return document(
        "Invoice",
        f"""
<main class="pay">
  <section class="summary">
    <p class="muted">Invoice {text(owed["number"])} of Geobuk</p>
    <h1 class="total">{text(total)}</h1>
    <ul class="items">{"".join(map(_line, owed["lines"]["data"]))}</ul>
  </section>
  <section class="form">
    {warning}
    <form method="post" class="fields">
      <label>Card number
        <input name="number" inputmode="numeric" autocomplete="cc-number" maxlength="23"
          value="{text(typed.get("number", ""))}">
      </label>
      <label>Expiry
        <input name="expiry" autocomplete="cc-exp" placeholder="MM / YY" maxlength="9"
          value="{text(typed.get("expiry", ""))}">
      </label>
      <label>CVC
        <input name="cvc" inputmode="numeric" autocomplete="cc-csc" maxlength="4">
      </label>
      <button type="submit">Pay {text(total)}</button>
    </form>
  </section>
</main>""",
    )


def _line(line: dict[str, Any]) -> str:
    amount = format_amount(line["amount"], line["currency"])
    return f"<li><span>{text(line['description'])}</span><span>{text(amount)}</span></li>"


def challenge(owed: dict[str, Any], token: str) -> str:
    """The page on which "the bank" asks whether it is really the buyer."""
    total = format_amount(owed["amount_due"], owed["currency"])
    return document(
        "Confirm the payment",
        f"""
<main class="bank">
  <h1>Is it you who pays {text(total)}?</h1>
  <form method="post">
    <input type="hidden" name="token" value="{text(token)}">
    <button name="verdict" value="approve">Yes, approve</button>
    <button name="verdict" value="refuse" class="quiet">No, refuse</button>
  </form>
</main>""",
    )


def message(sentence: str) -> str:
    """A page that only says something."""
    return document("Invoice", f'<main class="bank"><h1>{text(sentence)}</h1></main>')
