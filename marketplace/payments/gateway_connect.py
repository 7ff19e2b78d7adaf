"""Connected accounts, transfers and payouts at Stripe: our words in, frozen snapshots out.

Nothing here touches the database, and no caller may hold a transaction open.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import stripe

from marketplace.core.money import Money
from marketplace.payments.connect_types import (
    AccountSnapshot,
    DestinationSnapshot,
    MovementSnapshot,
    PayoutSnapshot,
)
from marketplace.payments.errors import (
    AccountRefusedError,
    PayoutRefusedError,
    TransferRefusedError,
)
from marketplace.payments.stripe_client import client, our_errors

__all__ = [
    "account_link",
    "create_account",
    "create_payout",
    "create_reversal",
    "create_transfer",
    "destination_of",
    "retrieve_account",
    "retrieve_payout",
]


def create_account(*, row_id: uuid.UUID, country: str, email: str) -> AccountSnapshot:
    """Open an account for a seller; asked again with the same `row_id`, the same account.

    The platform pays Stripe's fees and bears losses, and says when it is paid out.
    Raises PaymentsUnavailableError, AccountRefusedError (the country, for one).
    """
    with our_errors(AccountRefusedError):
        account = client().v1.accounts.create(
            {
                "country": country,
                "email": email,
                "controller": {
                    "fees": {"payer": "application"},
                    "losses": {"payments": "application"},
                    "stripe_dashboard": {"type": "express"},
                },
                "capabilities": {"transfers": {"requested": True}},
                "settings": {"payouts": {"schedule": {"interval": "manual"}}},
                "metadata": {"account": str(row_id)},
            },
            {"idempotency_key": f"account-{row_id}"},
        )
    return _account(account)


def retrieve_account(account_id: str) -> AccountSnapshot:
    """The account as it is now. Raises PaymentsUnavailableError, AccountRefusedError."""
    with our_errors(AccountRefusedError):
        return _account(client().v1.accounts.retrieve(account_id))


def account_link(account_id: str, *, refresh_url: str, return_url: str) -> str:
    """The address of Stripe's form for the account's owner: good once, for a few minutes."""
    with our_errors(AccountRefusedError):
        link = client().v1.account_links.create(
            {
                "account": account_id,
                "type": "account_onboarding",
                "refresh_url": refresh_url,
                "return_url": return_url,
            }
        )
    return link.url


def create_transfer(
    *, transfer_id: uuid.UUID, account_id: str, amount: Money, charge_id: str, group: str
) -> MovementSnapshot:
    """Send money to an account, out of `charge_id` where one is named.

    Raises PaymentsUnavailableError, TransferRefusedError.
    """
    params: Any = {
        "amount": amount.minor,
        "currency": amount.currency.lower(),
        "destination": account_id,
        "transfer_group": group,
        "metadata": {"transfer": str(transfer_id)},
    }
    if charge_id:
        params["source_transaction"] = charge_id
    with our_errors(TransferRefusedError):
        made = client().v1.transfers.create(params, {"idempotency_key": f"transfer-{transfer_id}"})
    return _movement(made)


def find_transfer(*, transfer_id: uuid.UUID, group: str) -> MovementSnapshot | None:
    """The transfer that was made for our row, if one was. Raises PaymentsUnavailableError."""
    with our_errors(TransferRefusedError):
        listed = client().v1.transfers.list({"transfer_group": group, "limit": 100})
        found = [one for one in listed.auto_paging_iter() if _is(one, "transfer", transfer_id)]
    return _movement(found[0]) if found else None


def find_reversal(*, reversal_id: uuid.UUID, transfer: str) -> MovementSnapshot | None:
    """The reversal that was made for our row, if one was. Raises PaymentsUnavailableError."""
    with our_errors(TransferRefusedError):
        listed = client().v1.transfers.reversals.list(transfer, {"limit": 100})
        found = [one for one in listed.auto_paging_iter() if _is(one, "reversal", reversal_id)]
    return _movement(found[0]) if found else None


def create_reversal(
    *, reversal_id: uuid.UUID, transfer: str, amount_minor: int
) -> MovementSnapshot:
    """Take a part of a transfer back.

    Raises PaymentsUnavailableError, TransferRefusedError: with `stripe_code`
    "balance_insufficient" where the account has less by now.
    """
    with our_errors(TransferRefusedError):
        made = client().v1.transfers.reversals.create(
            transfer,
            {"amount": amount_minor, "metadata": {"reversal": str(reversal_id)}},
            {"idempotency_key": f"reversal-{reversal_id}"},
        )
    return _movement(made)


def destination_of(charge_id: str) -> DestinationSnapshot | None:
    """What a charge sent on by itself; None where it is no destination charge."""
    with our_errors(TransferRefusedError):
        charge = client().v1.charges.retrieve(
            charge_id, {"expand": ["transfer", "application_fee"]}
        )
    transfer, fee = getattr(charge, "transfer", None), charge.application_fee
    if transfer is None:
        return None
    assert isinstance(transfer, stripe.Transfer), "it is expanded"
    assert not isinstance(fee, str), "it is expanded"
    return DestinationSnapshot(
        transfer=_movement(transfer),
        amount_minor=transfer.amount,
        fee=_movement(fee) if fee else None,
        fee_minor=fee.amount if fee else 0,
    )


def create_payout(*, payout_id: uuid.UUID, account_id: str, amount: Money) -> PayoutSnapshot:
    """Pay a part of an account's balance to its owner's bank.

    Raises PaymentsUnavailableError, PayoutRefusedError.
    """
    with our_errors(PayoutRefusedError):
        payout = client().v1.payouts.create(
            {
                "amount": amount.minor,
                "currency": amount.currency.lower(),
                "metadata": {"payout": str(payout_id)},
            },
            {"idempotency_key": f"payout-{payout_id}", "stripe_account": account_id},
        )
    return _payout(payout)


def find_payout(
    *, payout_id: uuid.UUID, account_id: str, since: dt.datetime
) -> PayoutSnapshot | None:
    """The payout that was made for our row since then, if one was.

    Raises PaymentsUnavailableError.
    """
    with our_errors(PayoutRefusedError):
        listed = client().v1.payouts.list(
            {"created": {"gte": int(since.timestamp()) - 60}, "limit": 100},
            {"stripe_account": account_id},
        )
        found = [one for one in listed.auto_paging_iter() if _is(one, "payout", payout_id)]
    return _payout(found[0]) if found else None


def retrieve_payout(stripe_id: str, *, account_id: str) -> PayoutSnapshot:
    """The payout as it is now. Raises PaymentsUnavailableError, PayoutRefusedError."""
    with our_errors(PayoutRefusedError):
        return _payout(
            client().v1.payouts.retrieve(stripe_id, options={"stripe_account": account_id})
        )


def _account(account: stripe.Account) -> AccountSnapshot:
    capabilities, requirements = account.capabilities, account.requirements
    disabled = requirements.disabled_reason if requirements else None
    return AccountSnapshot(
        id=account.id,
        submitted=bool(account.details_submitted),
        receives=bool(capabilities) and getattr(capabilities, "transfers", "") == "active",
        pays_out=bool(account.payouts_enabled),
        disabled=disabled or "",
    )


def _is(
    made: stripe.Transfer | stripe.TransferReversal | stripe.Payout, name: str, row_id: uuid.UUID
) -> bool:
    """Whether it was made for our row, by what we wrote on it."""
    written = made.metadata.to_dict() if made.metadata else {}
    return bool(written.get(name) == str(row_id))


def _movement(
    made: stripe.Transfer | stripe.TransferReversal | stripe.ApplicationFee,
) -> MovementSnapshot:
    return MovementSnapshot(made.id, _id(made.balance_transaction))


def _payout(payout: stripe.Payout) -> PayoutSnapshot:
    return PayoutSnapshot(
        id=payout.id,
        status=payout.status,
        transaction_id=_id(payout.balance_transaction),
        failure=payout.failure_message or payout.failure_code or "",
        failure_transaction_id=_id(payout.failure_balance_transaction),
    )


def _id(transaction: str | stripe.BalanceTransaction | None) -> str:
    if transaction is None:
        return ""
    return transaction if isinstance(transaction, str) else transaction.id
