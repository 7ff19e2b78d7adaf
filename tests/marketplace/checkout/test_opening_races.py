"""A rival who acts in the moment between a bill and its payment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from marketplace.checkout.types import Started
from marketplace.core.errors import MarketplaceError
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind
from marketplace.orders.models import Order
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import settle
from tests.marketplace.checkout.test_credit import credit_of, give, rich, start, total
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_seller, sell

# Under the marker the same tests are run against PostgreSQL: SQLite has one writer.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

PATIENCE = 3.0  # seconds that a rival may take before the first goes on


def when_the_payment_is_written(first: Callable[[], Any], rival: Callable[[], Any]) -> Any:
    """Run `first`; as soon as it is about to write a payment down, `rival` has its turn."""
    threads: list[threading.Thread] = []

    def act() -> None:
        try:
            rival()
        except MarketplaceError:
            pass  # it may be refused; what counts is what is in the books
        finally:
            connections.close_all()

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        if not threads and sql.startswith('INSERT INTO "payments_payment"'):
            threads.append(threading.Thread(target=act))
            threads[0].start()
            threads[0].join(PATIENCE)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        try:
            return first()
        except MarketplaceError as error:
            return error
        finally:
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("credit", [3_000, 9_900])
def test_credit_is_spent_once_where_a_rival_closes_the_bill(stripe: Emulator, credit: int) -> None:
    """The other window buys the same without credit, and spends the credit elsewhere."""
    seller = make_seller()
    ada, listing, other = rich(credit), sell(seller), sell(seller, title="다른 노래")
    give(ada, 100)

    pages: list[str | None] = []

    def rival() -> None:
        pages.append(start(ada, listing, use_credit=False).pay_url)
        pages.append(start(ada, other).pay_url)

    began = when_the_payment_is_written(lambda: start(ada, listing), rival)

    pages.append(began.pay_url if isinstance(began, Started) else None)
    for page in filter(None, pages):
        stripe.pay(page)
    for payment in Payment.objects.all():
        settle(payment)
    spent = sum(order.credit_minor for order in Order.objects.filter(state="paid"))
    assert total(AccountKind.CREDIT_GRANTED) == credit + 100, "the shop gave nothing by itself"
    assert spent + credit_of(ada) == credit + 100
    assert list(ledger.faults()) == []
