"""Which account may be sent money, and what a session may say about it."""

from __future__ import annotations

from typing import Any

from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["check_destination", "check_may_receive"]


def check_may_receive(world: World, account_id: str, *, param: str) -> dict[str, Any]:
    """The account, where it may be sent money. Raises ApiError."""
    account = world.store.get(account_id)
    if account is None or account["object"] != "account":
        raise ApiError(f"No such destination: '{account_id}'", code="resource_missing", param=param)
    if account["capabilities"].get("transfers") != "active":
        raise ApiError(
            "Your destination account needs to have at least one of the following capabilities"
            " enabled: transfers, crypto_transfers, legacy_payments",
            code="insufficient_capabilities_for_transfer",
            param=param,
        )
    return account


def check_destination(world: World, intent_data: dict[str, Any], total: int) -> None:
    """Refuse a session whose payment could not be passed on. Raises ApiError."""
    fee = intent_data.get("application_fee_amount")
    destination = (intent_data.get("transfer_data") or {}).get("destination")
    path = "payment_intent_data"
    if fee is not None and destination is None:
        raise ApiError(
            "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct"
            " payment (using an OAuth key or Stripe-Account header) or destination payment (using"
            " `transfer_data[destination]`).",
            param=f"{path}[application_fee_amount]",
        )
    if destination is None:
        return
    check_may_receive(world, destination, param=f"{path}[transfer_data][destination]")
    if fee is not None and not 0 < fee <= total:
        raise ApiError(
            "The application fee must be positive and at most the amount of the charge.",
            param=f"{path}[application_fee_amount]",
        )
    if fee is not None and "amount" in intent_data["transfer_data"]:
        raise ApiError(
            "You may only specify one of these parameters: application_fee_amount,"
            " transfer_data[amount].",
            param=f"{path}[application_fee_amount]",
        )
