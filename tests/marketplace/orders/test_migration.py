from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from marketplace.orders.models import Order
from tests.marketplace.orders.ordering import open_order
from tests.marketplace.trade import make_person, sell


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("may_save", [True, False])
def test_an_order_from_before_keeps_what_was_agreed_on(may_save: bool) -> None:
    order = open_order(make_person(), sell(may_save=may_save))
    try:
        MigrationExecutor(connection).migrate([("orders", "0001_initial")])
        with connection.cursor() as cursor:
            cursor.execute("SELECT may_save FROM orders_order")
            before = cursor.fetchall()
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    assert [bool(row[0]) for row in before] == [may_save]
    after = Order.objects.get(pk=order.pk)
    assert (after.rights, after.may_save) == ({"play": True, "save": may_save}, may_save)
    assert (after.start_days, after.spent) == (None, False)
    assert (after.bill_id, after.list_minor, after.kind) == (
        order.pk,
        order.price_minor,
        "purchase",
    )
