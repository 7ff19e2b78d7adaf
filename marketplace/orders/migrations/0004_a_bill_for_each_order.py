from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def write_bills(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was paid so far was one order each: its bill has the order's own id."""
    bills = apps.get_model("orders", "Bill").objects
    orders = apps.get_model("orders", "Order").objects
    for order in orders.filter(bill=None).iterator():
        bill, _created = bills.get_or_create(
            pk=order.pk, defaults={"buyer_id": order.buyer_id, "currency": order.currency}
        )
        bills.filter(pk=bill.pk).update(created_at=order.created_at)
        back = order.price_minor if order.state == "refunded" else 0
        kind = "rental" if "play_window" in order.rights else "purchase"
        orders.filter(pk=order.pk).update(
            bill_id=bill.pk, list_minor=order.price_minor, refunded_minor=back, kind=kind
        )


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_bills")]
    operations = [migrations.RunPython(write_bills, migrations.RunPython.noop)]
