"""Disputes of the periods of a subscription."""

from __future__ import annotations

import pytest

from marketplace.licensing.models import Entitlement
from marketplace.licensing.queries import owns
from tests.marketplace.checkout.disputing import follow, open_dispute
from tests.marketplace.checkout.subscribers import entitlement_of, offer, subscribed
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_lost_dispute_of_the_newest_period_ends_it_all(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.renew()
    first, second = subscriber.orders()

    dispute = open_dispute(stripe, second)
    assert entitlement_of(subscriber).state == "suspended"
    assert subscriber.row.state == "active"
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(second)

    first.refresh_from_db()
    assert (first.state, second.state) == ("paid", "charged_back")
    assert entitlement_of(subscriber).state == "charged_back"
    assert (subscriber.row.state, subscriber.row.wish) == ("ended", "")


def test_a_dispute_that_is_won_leaves_all_as_it_was(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    dispute = open_dispute(stripe, subscriber.order)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")

    follow(subscriber.order)

    assert owns(subscriber.user, subscriber.listing.pk)
    subscriber.renew()
    assert entitlement_of(subscriber).expires_at == subscriber.row.period_end


def test_what_is_paid_during_a_dispute_opens_for_its_period(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    dispute = open_dispute(stripe, subscriber.order)

    subscriber.renew()

    own = Entitlement.objects.filter(user=subscriber.user).order_by("created_at")
    assert [one.state for one in own] == ["suspended", "active"]
    assert owns(subscriber.user, subscriber.listing.pk)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(subscriber.order)
    assert [one.state for one in own.all()] == ["active", "active"]
    subscriber.renew()
    assert max(one.expires_at for one in own.all() if one.expires_at) == subscriber.row.period_end


def test_a_dispute_of_an_earlier_period_is_about_money_until_it_is_lost(
    stripe: Emulator,
) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.renew()
    first, _second = subscriber.orders()
    dispute = open_dispute(stripe, first)

    assert owns(subscriber.user, subscriber.listing.pk)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(first)

    assert first.state == "charged_back"
    # What is paid opens until its end; who takes money back is not charged again.
    assert owns(subscriber.user, subscriber.listing.pk)
    assert subscriber.row.state == "ended"
