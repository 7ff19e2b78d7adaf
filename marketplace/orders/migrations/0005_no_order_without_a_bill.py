from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

_LIVE = "orders_one_live_order_per_buyer_and_listing"
_DATED = "orders_paid_has_a_date"


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_a_bill_for_each_order")]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="bill",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="orders.bill"),
        ),
        migrations.AlterField(model_name="order", name="list_minor", field=models.PositiveBigIntegerField()),
        migrations.RemoveConstraint(model_name="order", name=_LIVE),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(state__in=["pending", "paid"], spent=False, recipient_email=""),
                fields=("buyer", "listing"),
                name=_LIVE,
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(state="pending") & ~models.Q(recipient_email=""),
                fields=("buyer", "listing", "recipient_email"),
                name="orders_one_pending_present_per_recipient",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    list_minor=models.F("price_minor") + models.F("discount_minor"),
                    credit_minor__lte=models.F("price_minor"),
                    refunded_minor__lte=models.F("price_minor"),
                ),
                name="orders_amounts_add_up",
            ),
        ),
        migrations.RemoveConstraint(model_name="order", name=_DATED),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=~models.Q(state__in=["paid", "refunded", "charged_back"]) | models.Q(paid_at__isnull=False),
                name=_DATED,
            ),
        ),
    ]
