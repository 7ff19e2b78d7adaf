"""Stripe takes the connection, and says nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from django.conf import settings as configured
from pytest_django import Settings

from marketplace.catalog.models import Listing
from marketplace.orders.models import Order
from marketplace.payments import gateway, patience
from marketplace.payments.errors import PaymentsUnavailableError
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import begin, client_of, order_of, press
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)

BOUND = 1.5  # seconds; a shop's is longer


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def hangs(settings: Settings, silence: str) -> None:
    settings.STRIPE_API_BASE = silence
    settings.STRIPE_PATIENCE = BOUND


def test_whoever_waits_is_told_in_time(settings: Settings, silence: str) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    hangs(settings, silence)

    begun = time.monotonic()
    pressed = press(client, listing)
    took = time.monotonic() - begun

    assert pressed.status_code == 503
    assert "The payment service does not answer" in pressed.content.decode()
    assert took < BOUND + 1
    assert Order.objects.get().state == "pending"
    assert Payment.objects.get().state == "starting"


def test_a_shop_waits_less_than_fifteen_seconds() -> None:
    assert configured.STRIPE_PATIENCE <= 14


def test_the_bound_is_for_all_that_a_press_asks(
    stripe: Emulator, settings: Settings, silence: str
) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)  # its old page has to be looked at, and closed, first
    client = client_of(ada)
    Listing.objects.filter(pk=listing.pk).update(price_minor=12_000)
    hangs(settings, silence)

    begun = time.monotonic()
    pressed = press(client, listing)
    took = time.monotonic() - begun

    assert pressed.status_code == 503
    assert took < BOUND + 1
    assert order_of(payment).state == "pending"


def test_what_was_bounded_goes_on_when_stripe_answers_again(
    stripe: Emulator, settings: Settings, silence: str
) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    hangs(settings, silence)
    press(client, listing)
    settings.STRIPE_API_BASE = stripe.base
    settings.STRIPE_PATIENCE = 10

    pressed = press(client, listing)

    assert pressed.status_code == 302
    assert pressed.headers["Location"].startswith(f"{stripe.base}/c/pay/cs_test_")
    assert Order.objects.count() == 1


def test_when_no_time_is_left_nothing_is_asked(settings: Settings, stripe: Emulator) -> None:
    with patience.a_person_waits(0.0), pytest.raises(PaymentsUnavailableError):
        gateway.retrieve_session("cs_test_x")


def test_a_sweep_is_not_hurried() -> None:
    assert not patience.is_hurried()

    with patience.a_person_waits():
        assert patience.is_hurried()

    assert not patience.is_hurried()
