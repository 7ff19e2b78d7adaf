"""The HTML of the page that onboards a seller."""

from __future__ import annotations

from typing import Any

from marketplace.sandbox.stripe_emulator.pages import document, text

__all__ = ["gone", "setup"]

_BANKS = [
    ("000123456789", "takes payouts"),
    ("000111111116", "a payout fails: no such account"),
    ("000111111113", "a payout fails: the account is closed"),
]
_VERDICTS = [
    ("verified", "It is right: the account can be paid at once"),
    ("later", "It takes a moment, then it is right"),
    ("rejected", "It refuses the account"),
]


def setup(account: dict[str, Any], *, typed: dict[str, str], alert: str = "") -> str:
    """The form, with what was typed and a sentence where something is missing."""
    first, last = typed.get("first", ""), typed.get("last", "")
    body = f"""
<main class="setup">
  <h1>Get paid by Geobuk</h1>
  <p>Country: <strong>{text(account["country"])}</strong> ·
    {text(account["email"] or "no e-mail address")}</p>
  {f'<p class="alert" role="alert">{text(alert)}</p>' if alert else ""}
  <form method="post" class="fields">
    <label>First name
      <input name="first" required autocomplete="given-name" value="{text(first)}">
    </label>
    <label>Last name
      <input name="last" required autocomplete="family-name" value="{text(last)}">
    </label>
    <label>Number of your bank account
      <input name="bank" required value="{text(typed.get("bank", ""))}" placeholder="000123456789">
    </label>
    {_table()}
    {_verdicts(typed.get("verdict", "verified"))}
    <label class="method"><input type="checkbox" name="terms" value="yes" required>
      I agree to the terms of this emulator.</label>
    <button type="submit" name="action" value="done">Submit</button>
    <button type="submit" name="action" value="later" class="quiet" formnovalidate>
      Save for later</button>
  </form>
</main>"""
    return document("Set up payouts", body)


def _table() -> str:
    rows = "".join(f"<tr><td><code>{n}</code></td><td>{what}</td></tr>" for n, what in _BANKS)
    return f"<details><summary>Test bank accounts</summary><table>{rows}</table></details>"


def _verdicts(chosen: str) -> str:
    rows = "".join(
        f'<label class="method"><input type="radio" name="verdict" value="{value}"'
        f"{' checked' if value == chosen else ''}> {label}</label>"
        for value, label in _VERDICTS
    )
    return f"<fieldset><legend>What Stripe's check says</legend>{rows}</fieldset>"


def gone() -> str:
    """The page of a link that never was."""
    return document(
        "Set up payouts",
        '<main class="bank"><h1>There is no such page. Go back to the shop for a new link.</h1>'
        "</main>",
    )
