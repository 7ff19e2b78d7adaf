"""What a pool gives back reaches its seller's account at Stripe, whose books agree with ours."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from marketplace.checkout import services
from marketplace.core.money import Money
from marketplace.earnings.reconciling import compare
from marketplace.orders.models import Order
from marketplace.payments.models import Transfer
from tests.marketplace.checkout.paying import connected
from tests.marketplace.checkout.shopping import bought
from tests.marketplace.rewards.sales import left
from tests.marketplace.stripe_fixtures import Emulator, start
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


@pytest.fixture
def stripe(tmp_path: Path, settings: Settings) -> Iterator[Emulator]:
    """A Stripe that nobody else has paid anything at."""
    emulator = start(tmp_path / "own-stripe.sqlite3")
    settings.STRIPE_API_BASE = emulator.base
    yield emulator
    emulator.stop()


def settle(day: int) -> str:
    out = io.StringIO()
    as_if = (timezone.now() + dt.timedelta(days=day)).date()
    call_command("rewards", "settle", "--as-if", as_if.isoformat(), stdout=out)
    return out.getvalue()


def sent() -> list[int]:
    rows = Transfer.objects.filter(state="succeeded").order_by("created_at", "pk")
    return list(rows.values_list("amount_minor", flat=True))


def differences() -> list[str]:
    return compare(now=timezone.now(), grace=dt.timedelta(0)).differences


def test_what_nobody_delivered_is_sent_after_the_share(stripe: Emulator) -> None:
    seller = make_seller()
    connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))
    early, before = settle(13), sent()

    done, again = settle(16), settle(16)

    assert early == again == "0 delivery pools were closed.\n"
    assert done == "1 delivery pools were closed.\n"
    assert (before, sent()) == ([8_613], [8_613, 297])
    assert left(order) == {"seller": 8_910, "platform_fees": 990}
    assert differences() == []


def test_a_refund_after_that_takes_both_transfers_back(stripe: Emulator) -> None:
    seller = make_seller()
    connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))
    settle(16)

    services.refund_order(order_id=order.pk, by=seller, reason="", now=timezone.now())
    services.reconcile(now=timezone.now())

    assert Order.objects.get().state == "refunded"
    assert left(order) == {}
    assert differences() == []


def test_the_sweep_settles_and_sends_as_well(stripe: Emulator) -> None:
    seller = make_seller()
    connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))
    Order.objects.update(paid_at=timezone.now() - dt.timedelta(days=15))

    services.reconcile(now=timezone.now())

    assert sent() == [8_613, 297]
    assert left(order)["seller"] == Money(8_910, "KRW").minor
    assert differences() == []


def test_days_are_reckoned_otherwise_in_the_sandbox_alone(settings: Settings) -> None:
    settings.SANDBOX = False

    with pytest.raises(CommandError, match="sandbox"):
        settle(16)
