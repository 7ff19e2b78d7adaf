"""Where a seller's money goes: an account at Stripe, or a bank where Stripe pays nobody."""

from __future__ import annotations

import re
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.core.text import clean_line
from marketplace.payments import gateway_connect as gateway
from marketplace.payments.connect_models import BankDetails, ConnectedAccount, Payout
from marketplace.payments.connect_types import AccountSnapshot
from marketplace.payments.errors import AccountRefusedError, BankDetailsError, NotPaidByStripeError

__all__ = [
    "account_of",
    "bank_details_of",
    "connect_seller",
    "connected_accounts",
    "is_paid_by_stripe",
    "onboarding_url",
    "refresh_account",
    "save_bank_details",
]

# The countries of Stripe's cross-border payouts that a platform may use without asking
# first: the United States, Canada, the United Kingdom, Switzerland, and the EEA.
_COUNTRIES = frozenset(
    {"US", "CA", "GB", "CH", "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR",
     "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT",
     "RO", "SE", "SI", "SK"}
)  # fmt: skip
_State = ConnectedAccount.State
_LONGEST = 100  # characters of a name
_NUMBER = re.compile(r"[A-Z0-9]{6,34}")


def is_paid_by_stripe(country: str) -> bool:
    """Whether a bank account in this country (ISO 3166, "DE") can be paid by Stripe."""
    return country in _COUNTRIES


def account_of(user_id: uuid.UUID) -> ConnectedAccount | None:
    """A seller's account at Stripe, as it was last read."""
    return ConnectedAccount.objects.filter(user_id=user_id).first()


def connected_accounts() -> list[ConnectedAccount]:
    """Every account at Stripe that there is."""
    return list(ConnectedAccount.objects.filter(account_id__isnull=False).order_by("created_at"))


def bank_details_of(user_id: uuid.UUID) -> BankDetails | None:
    """Where a seller is paid by bank transfer."""
    return BankDetails.objects.filter(user_id=user_id).first()


def connect_seller(*, user: User, country: str) -> ConnectedAccount:
    """Open a seller's account at Stripe; asked again, the same one, in its first country.

    Raises NotPaidByStripeError, also where a bank transfer has paid them already: what an
    order owes is sent to the account order by order, and a transfer to a bank names none.
    Raises PaymentsUnavailableError (asking again is safe), AccountRefusedError.
    """
    if not is_paid_by_stripe(country):
        raise NotPaidByStripeError(
            _("Stripe does not pay banks in this country. Tell us your bank account instead.")
        )
    by_bank = Payout.objects.filter(seller_id=user.pk, batch__isnull=False)
    if by_bank.exclude(state=Payout.State.FAILED).exists():
        raise NotPaidByStripeError(
            _(
                "We pay you by bank transfer, and it stays so: by Stripe the same sales would be"
                " paid once more."
            )
        )
    row, created = ConnectedAccount.objects.get_or_create(user=user, defaults={"country": country})
    if row.account_id:
        return row
    if not created and row.country != country:
        # Stripe was asked about another country and has not answered: a new question.
        row = _asked_anew(row, country)
    try:
        answer = gateway.create_account(row_id=row.pk, country=row.country, email=user.email)
    except AccountRefusedError:
        ConnectedAccount.objects.filter(pk=row.pk, account_id=None).delete()
        raise
    return _record(row.pk, answer, reads=row.reads)


@transaction.atomic
def _asked_anew(row: ConnectedAccount, country: str) -> ConnectedAccount:
    """Another row, since the idempotency key of the first belongs to its country."""
    ConnectedAccount.objects.filter(pk=row.pk, account_id=None).delete()
    fresh, _created = ConnectedAccount.objects.get_or_create(
        user=row.user, defaults={"country": country}
    )
    return fresh


def onboarding_url(account: ConnectedAccount, *, refresh_url: str, return_url: str) -> str:
    """Stripe's form for the seller's details: good once, for a few minutes.

    Raises PaymentsUnavailableError, AccountRefusedError.
    """
    assert account.account_id is not None, "connect_seller gives accounts with an id"
    return gateway.account_link(account.account_id, refresh_url=refresh_url, return_url=return_url)


def refresh_account(account_id: str) -> ConnectedAccount | None:
    """Read an account at Stripe and record it; None where it is none of ours.

    Raises PaymentsUnavailableError.
    """
    while True:
        row = ConnectedAccount.objects.filter(account_id=account_id).first()
        if row is None:
            return None
        answer = gateway.retrieve_account(account_id)
        fresh = _record(row.pk, answer, reads=row.reads)
        if fresh.reads == row.reads + 1:
            return fresh
        # Another process recorded an answer meanwhile, and it may be newer than this one.


@transaction.atomic
def _record(row_id: uuid.UUID, answer: AccountSnapshot, *, reads: int) -> ConnectedAccount:
    """Take an answer over, unless another one came after `reads` of them."""
    row = ConnectedAccount.objects.select_for_update().get(pk=row_id)
    if row.account_id is not None and row.reads != reads:
        return row
    row.account_id = answer.id
    row.state = _state(answer)
    row.reads += 1
    row.save()
    return row


def _state(answer: AccountSnapshot) -> str:
    if answer.disabled.startswith("rejected"):
        return _State.REJECTED
    if not answer.submitted:
        return _State.ONBOARDING
    if answer.receives:
        return _State.ACTIVE if answer.pays_out else _State.BANK
    return _State.CHECKING


def save_bank_details(
    *, user: User, country: str, holder: str, bank: str, number: str
) -> BankDetails:
    """Keep where a seller is paid by bank transfer. Raises BankDetailsError with a sentence."""
    holder, bank = clean_line(holder), clean_line(bank)
    digits = re.sub(r"[\s-]", "", number).upper()
    if not 0 < len(holder) <= _LONGEST:
        raise BankDetailsError(
            _("Write the name that the account is under, in at most 100 characters."),
            field="holder",
        )
    if not 0 < len(bank) <= _LONGEST:
        raise BankDetailsError(
            _("Write the name of the bank, in at most 100 characters."), field="bank"
        )
    if not (digits.isascii() and _NUMBER.fullmatch(digits)):
        raise BankDetailsError(
            _("An account number has 6 to 34 digits or letters. Hyphens and spaces do not matter."),
            field="number",
        )
    details, _created = BankDetails.objects.update_or_create(
        user=user,
        defaults={"country": country, "holder": holder, "bank": bank, "number": digits},
    )
    return details
