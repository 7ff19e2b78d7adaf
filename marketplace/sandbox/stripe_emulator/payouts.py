"""Payouts: from the balance of a connected account to its owner's bank."""

from __future__ import annotations

from typing import Any

import stripe
from stripe.params import PayoutCreateParams, PayoutListParams, PayoutRetrieveParams

from marketplace.sandbox.stripe_emulator.balances import available, balance_transaction
from marketplace.sandbox.stripe_emulator.connect import finish
from marketplace.sandbox.stripe_emulator.currencies import check_currency
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.routing import readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["ROUTES", "settle"]

# Numbers of test bank accounts that take no money: code and sentence.
_BAD_BANKS = {
    "000111111116": ("no_account", "The bank account could not be located."),
    "000111111113": ("account_closed", "The bank account has been closed."),
}
_SUPPORTED = frozenset({"amount", "currency", "description", "metadata", "method"})


def _create(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    for name in params.keys() - _SUPPORTED:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    currency = check_currency(params["currency"], param="currency")
    amount = params["amount"]
    if amount < 1:
        raise ApiError("Invalid positive integer", param="amount")
    bank = _bank(world)
    if amount > available(world, world.account, currency):
        raise ApiError(
            "You have insufficient funds in your Stripe account for this transfer. Your card"
            " balance is too low.",
            code="balance_insufficient",
            param="amount",
        )
    payout = _payout(world, params, amount=amount, currency=currency, bank=bank["id"])
    emit(world, "payout.created", payout, account=world.account or None)
    number = (world.store.get(world.account) or {}).get("_bank", "")
    kind = "fail_payout" if number in _BAD_BANKS else "settle_payout"
    world.store.add_job(due=world.now() + world.settle_after, kind=kind, object_id=payout["id"])
    return payout


def _bank(world: World) -> dict[str, Any]:
    """Where the money goes. Raises ApiError where the account cannot be paid out."""
    if not world.account:
        return {"id": "ba_of_the_platform"}
    account = world.get(world.account, "account")
    if not account["payouts_enabled"]:
        raise ApiError(
            "Cannot create payouts: this account is not enabled for payouts.",
            code="payouts_not_allowed",
        )
    bank: dict[str, Any] = account["external_accounts"]["data"][0]
    return bank


def _payout(
    world: World, params: dict[str, Any], *, amount: int, currency: str, bank: str
) -> dict[str, Any]:
    payout_id = world.new_id("po_")
    transaction = balance_transaction(
        world,
        kind="payout",
        amount=-amount,
        currency=currency,
        source=payout_id,
        account=world.account,
    )
    return world.store.put(
        fill(
            stripe.Payout,
            id=payout_id,
            object="payout",
            amount=amount,
            arrival_date=int(world.now() + world.settle_after),
            automatic=False,
            balance_transaction=transaction,
            created=world.seconds(),
            currency=currency,
            description=params.get("description"),
            destination=bank,
            livemode=False,
            metadata=params.get("metadata") or {},
            method=params.get("method", "standard"),
            reconciliation_status="not_applicable",
            source_type="card",
            status="pending",
            type="bank_account",
            _account=world.account,
        )
    )


def settle(world: World, payout_id: str, *, succeeds: bool) -> None:
    """What the bank says later. Money that it sends back is in the account's balance again."""
    payout = world.get(payout_id, "payout")
    if payout["status"] == "failed" or (succeeds and payout["status"] == "paid"):
        return
    account_id = payout["_account"]
    if succeeds:
        payout["status"] = "paid"
        world.store.put(payout)
        emit(world, "payout.paid", payout, account=account_id or None)
        return
    number = world.get(account_id, "account").get("_bank", "") if account_id else ""
    code, message = _BAD_BANKS.get(number, ("declined", "The bank has sent the money back."))
    payout.update(
        status="failed",
        failure_code=code,
        failure_message=message,
        failure_balance_transaction=balance_transaction(
            world,
            kind="payout_failure",
            amount=payout["amount"],
            currency=payout["currency"],
            source=payout_id,
            account=account_id,
        ),
    )
    world.store.put(payout)
    emit(world, "payout.failed", payout, account=account_id or None)
    if account_id:
        # No more payouts to this bank: the owner has to name another one.
        finish(world, account_id, verdict="bank")


ROUTES = [
    route("POST", "/payouts", PayoutCreateParams, _create),
    *readable("/payouts", "payout", PayoutRetrieveParams, PayoutListParams),
]
