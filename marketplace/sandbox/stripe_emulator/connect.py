"""Connected accounts: made by the platform, filled in by the seller on a hosted page.

An account can receive nothing until Stripe has its owner's details and has checked them.
"""

from __future__ import annotations

import secrets
from typing import Any

import stripe
from stripe.params import (
    AccountCreateParams,
    AccountLinkCreateParams,
    AccountListParams,
    AccountRetrieveParams,
)

from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.routing import readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["LINK_LIFETIME", "ROUTES", "finish", "save_details", "take_bank"]

LINK_LIFETIME = 300  # seconds; a link opens its page once
# Where a platform can send money across borders without asking Stripe first, and the
# currency of a bank account there.
_CURRENCIES = {
    "US": "usd", "GB": "gbp", "CA": "cad", "CH": "chf", "LI": "chf", "NO": "nok", "IS": "eur",
    "BG": "bgn", "CZ": "czk", "DK": "dkk", "HU": "huf", "PL": "pln", "RO": "ron", "SE": "sek",
    **dict.fromkeys(
        ("AT", "BE", "CY", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IE", "IT", "LT", "LU", "LV",
         "MT", "NL", "PT", "SI", "SK"),
        "eur",
    ),
}  # fmt: skip
_SUPPORTED = frozenset(
    {"business_profile", "business_type", "capabilities", "controller", "country", "email",
     "metadata", "settings", "type"}
)  # fmt: skip
_DUE = ["external_account", "individual.first_name", "individual.last_name", "tos_acceptance.date"]


def _create(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    for name in params.keys() - _SUPPORTED:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    country = params.get("country", "US").upper()
    if country not in _CURRENCIES:
        raise ApiError(
            f"{country} is not currently supported by Stripe for accounts of this platform.",
            code="country_unsupported",
            param="country",
        )
    account = fill(
        stripe.Account,
        id=world.new_id("acct_"),
        object="account",
        business_profile=fill(
            stripe.Account.BusinessProfile, **params.get("business_profile") or {}
        ),
        business_type=params.get("business_type"),
        capabilities=_capabilities(params),
        charges_enabled=False,
        controller=_controller(params),
        country=country,
        created=world.seconds(),
        default_currency=_CURRENCIES[country],
        details_submitted=False,
        email=params.get("email"),
        external_accounts=_banks([]),
        metadata=params.get("metadata") or {},
        payouts_enabled=False,
        requirements=_requirements(_DUE, disabled="requirements.past_due"),
        settings=_settings(params),
        tos_acceptance={"date": None, "ip": None, "user_agent": None},
        type=params.get("type", "express"),
    )
    return world.store.put(account)


def _capabilities(params: dict[str, Any]) -> dict[str, str]:
    asked: dict[str, Any] = params.get("capabilities") or {}
    for name in asked.keys() - {"transfers", "card_payments"}:
        raise ApiError(f"The emulator has no capability {name}.", param=f"capabilities[{name}]")
    return {name: "inactive" for name, wish in asked.items() if wish.get("requested")}


def _controller(params: dict[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = params.get("controller") or {}
    if asked and "type" in params:
        raise ApiError("You may only specify one of these parameters: type, controller.")
    return {
        "fees": {"payer": (asked.get("fees") or {}).get("payer", "application")},
        "is_controller": True,
        "losses": {"payments": (asked.get("losses") or {}).get("payments", "application")},
        "requirement_collection": asked.get("requirement_collection", "stripe"),
        "stripe_dashboard": {"type": (asked.get("stripe_dashboard") or {}).get("type", "express")},
        "type": "application",
    }


def _settings(params: dict[str, Any]) -> dict[str, Any]:
    asked = ((params.get("settings") or {}).get("payouts") or {}).get("schedule") or {}
    interval = asked.get("interval", "manual")
    if interval != "manual":
        raise ApiError(
            "The emulator pays out when it is told to: settings[payouts][schedule][interval] is"
            " manual.",
            param="settings[payouts][schedule][interval]",
        )
    return {
        "branding": fill(stripe.Account.Settings.Branding),
        "card_payments": fill(stripe.Account.Settings.CardPayments),
        "dashboard": fill(stripe.Account.Settings.Dashboard),
        "payments": fill(stripe.Account.Settings.Payments),
        "payouts": {
            "debit_negative_balances": False,
            "schedule": {"delay_days": 2, "interval": interval},
            "statement_descriptor": None,
        },
    }


def _requirements(due: list[str], *, disabled: str | None) -> dict[str, Any]:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": disabled,
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": [],
    }


def _banks(banks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"object": "list", "data": banks, "has_more": False, "url": "/v1/external_accounts"}


def _link(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    """A page for the account's owner, to open once within five minutes."""
    account = world.get(params["account"], "account", param="account")
    for name in ("refresh_url", "return_url"):
        if not params[name].startswith(("http://", "https://")):
            raise ApiError("Not a valid URL", code="url_invalid", param=name)
    if params["type"] != "account_onboarding":
        raise ApiError("The emulator has type=account_onboarding alone.", param="type")
    token = secrets.token_urlsafe(16)
    expires = world.seconds() + LINK_LIFETIME
    world.store.put(
        {
            "id": f"alink_{token}",
            "object": "_account_link",
            "account": account["id"],
            "expires_at": expires,
            "refresh_url": params["refresh_url"],
            "return_url": params["return_url"],
            "used": False,
        }
    )
    return {
        "object": "account_link",
        "created": world.seconds(),
        "expires_at": expires,
        "url": f"{world.base_url}/connect/setup/{token}",
    }


def save_details(
    world: World, account: dict[str, Any], *, first: str, last: str, bank: str | None
) -> None:
    """What the owner typed on the hosted page; Stripe has yet to check it."""
    account["details_submitted"] = True
    account["tos_acceptance"] = {"date": world.seconds(), "ip": "127.0.0.1", "user_agent": None}
    account["business_type"] = account["business_type"] or "individual"
    account["_name"] = f"{first} {last}".strip()
    if bank is not None:
        take_bank(world, account, bank)
    account["requirements"] = {
        **_requirements([], disabled="requirements.pending_verification"),
        "pending_verification": ["individual.verification.document"],
    }
    _save(world, account)


def take_bank(world: World, account: dict[str, Any], number: str) -> None:
    """Keep one bank account; only its last four digits are ever shown again."""
    bank = fill(
        stripe.BankAccount,
        id=world.new_id("ba_"),
        object="bank_account",
        account=account["id"],
        bank_name="STRIPE TEST BANK",
        country=account["country"],
        currency=account["default_currency"],
        default_for_currency=True,
        last4=number[-4:],
        metadata={},
        status="new",
    )
    account["external_accounts"] = _banks([bank])
    account["_bank"] = number


def finish(world: World, account_id: str, *, verdict: str) -> None:
    """What Stripe's check says: "verified", "rejected", or "bank" where a new bank is needed."""
    account = world.get(account_id, "account")
    good = verdict == "verified"
    if good:
        account["requirements"] = _requirements([], disabled=None)
    elif verdict == "bank":
        account["requirements"] = _requirements(
            ["external_account"], disabled="requirements.past_due"
        )
    else:
        account["requirements"] = _requirements([], disabled="rejected.other")
    # A bank account that takes no money stops payouts alone.
    receives = good or verdict == "bank"
    account["capabilities"] = dict.fromkeys(
        account["capabilities"], "active" if receives else "inactive"
    )
    account["charges_enabled"] = receives and "card_payments" in account["capabilities"]
    account["payouts_enabled"] = good
    _save(world, account)


def _save(world: World, account: dict[str, Any]) -> None:
    world.store.put(account)
    emit(world, "account.updated", account, account=account["id"])


ROUTES = [
    route("POST", "/accounts", AccountCreateParams, _create),
    *readable("/accounts", "account", AccountRetrieveParams, AccountListParams),
    route(
        "POST",
        "/account_links",
        AccountLinkCreateParams,
        _link,
        required=("refresh_url", "return_url"),
    ),
]
