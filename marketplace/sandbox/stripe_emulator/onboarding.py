"""The hosted page on which a seller tells Stripe who they are and where their bank is."""

from __future__ import annotations

import re
from typing import Any

from marketplace.sandbox.stripe_emulator import connect_pages as pages
from marketplace.sandbox.stripe_emulator.connect import finish, save_details
from marketplace.sandbox.stripe_emulator.hosted import Page, Redirect
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["front", "submit"]

_VERDICTS = frozenset({"verified", "later", "rejected"})


def front(world: World, token: str) -> Page | Redirect:
    """The form; a link that was opened before, or is too old, sends back for a new one."""
    link = world.store.get(f"alink_{token}")
    if link is None:
        return Page(pages.gone(), 404)
    if link["used"] or link["expires_at"] <= world.now():
        return Redirect(link["refresh_url"])
    with world.store.transaction():
        world.store.put({**link, "used": True})
    return Page(pages.setup(world.get(link["account"], "account"), typed={}))


def submit(world: World, token: str, form: dict[str, str]) -> Page | Redirect:
    """The owner pressed a button; back to the platform, or the form with a sentence."""
    link = world.store.get(f"alink_{token}")
    if link is None or not link["used"]:
        return Page(pages.gone(), 404)
    account = world.get(link["account"], "account")
    if form.get("action") == "later":
        return Redirect(link["return_url"])
    alert = _fault(account, form)
    if alert:
        return Page(pages.setup(account, typed=form, alert=alert), 422)
    with world.store.transaction():
        _take(world, account, form)
    return Redirect(link["return_url"])


def _fault(account: dict[str, Any], form: dict[str, str]) -> str:
    if not form.get("first", "").strip() or not form.get("last", "").strip():
        return "Write your first and your last name."
    number = _digits(form)
    if not re.fullmatch(r"[A-Z0-9]{6,34}", number):
        return "Write the number of your bank account, like 000123456789."
    if form.get("terms") != "yes":
        return "Agree to the terms to go on."
    if form.get("verdict", "verified") not in _VERDICTS:
        return "Choose what the check says."
    return ""


def _digits(form: dict[str, str]) -> str:
    return re.sub(r"[\s-]", "", form.get("bank", "")).upper()


def _take(world: World, account: dict[str, Any], form: dict[str, str]) -> None:
    save_details(
        world,
        account,
        first=form["first"].strip(),
        last=form["last"].strip(),
        bank=_digits(form),
    )
    verdict = form.get("verdict", "verified")
    if verdict == "later":
        due = world.now() + world.settle_after
        world.store.add_job(due=due, kind="verify_account", object_id=account["id"])
    else:
        finish(world, account["id"], verdict=verdict)
