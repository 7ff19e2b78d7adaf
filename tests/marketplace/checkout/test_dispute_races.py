"""Webhooks, sweeps and people at once: a dispute is followed once and answered once."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import connection, transaction
from django.utils import timezone

from marketplace.checkout import services
from marketplace.ledger import services as ledger
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.payments import services as payments
from marketplace.payments.models import Answer, Dispute, Movement, Payment, TransferReversal
from tests.marketplace.checkout.disputing import charge_of, follow, open_dispute
from tests.marketplace.checkout.paying import connected, owed
from tests.marketplace.checkout.shopping import bought
from tests.marketplace.rivals import RIVALS, at_once
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

# Under the marker the same tests are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_a_dispute_is_followed_once_however_many_hear_of_it(stripe: Emulator) -> None:
    listing = sell()
    connected(stripe, listing.seller)
    order = bought(stripe, make_person(), listing)
    stripe.hook("disputes", charge=charge_of(order))
    mail.outbox.clear()

    at_once(lambda _: services.follow_disputes(bill_id=order.bill_id, now=timezone.now()))

    assert (Dispute.objects.count(), Movement.objects.count()) == (1, 1)
    assert Entitlement.objects.get(order_id=order.pk).state == "suspended"
    assert EntitlementEvent.objects.filter(kind="dispute_opened").count() == 1
    assert len(mail.outbox) == 2  # seller and buyer
    assert TransferReversal.objects.filter(state="succeeded").count() == 1
    assert owed(listing.seller) == (0, 0)
    assert list(ledger.faults()) == []


def test_an_old_answer_of_stripe_undoes_nothing(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())
    dispute = open_dispute(stripe, order)

    def decide_or_follow(number: int) -> None:
        if number == 0:
            stripe.hook(f"disputes/{dispute.stripe_id}/lose")
        services.follow_disputes(bill_id=order.bill_id, now=timezone.now())

    at_once(decide_or_follow)
    follow(order)

    dispute.refresh_from_db()
    assert (dispute.status, dispute.applied, order.state) == ("lost", "lost", "charged_back")


def test_an_answer_is_handed_in_by_one(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())
    dispute = open_dispute(stripe, order)

    at_once(
        lambda number: payments.hand_in_answer(
            dispute_id=dispute.pk,
            texts={"uncategorized_text": f"rival {number}"},
            facts={},
            by=order.buyer_id,
            now=timezone.now(),
        )
    )

    told = stripe.sdk.v1.disputes.retrieve(dispute.stripe_id)
    answer = Answer.objects.get()
    assert told.evidence_details.submission_count == 1
    assert told.evidence.uncategorized_text == answer.texts["uncategorized_text"]
    assert answer.state == "sent"


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks no rows")
def test_who_holds_a_dispute_holds_its_payment_too(stripe: Emulator) -> None:
    """Recording locks the payment first: who took them the other way round would wait for ever."""
    order = bought(stripe, make_person(), sell())
    dispute = open_dispute(stripe, order)

    def take(number: int) -> bool:
        with transaction.atomic():
            return bool(Payment.objects.select_for_update(skip_locked=True))

    with transaction.atomic():
        payments.lock_dispute(dispute.pk)
        assert at_once(take) == [False] * RIVALS
    assert take(0)
