from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def name_orders(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """A payment so far was of one order, whose id its bill has."""
    payments = apps.get_model("payments", "Payment").objects
    payments.update(sole_order_id=F("bill_id"))
    for payment in payments.filter(refunds__isnull=False).distinct().iterator():
        payment.refunds.update(order_id=payment.bill_id)


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_payments_of_bills")]
    operations = [migrations.RunPython(name_orders, migrations.RunPython.noop)]
