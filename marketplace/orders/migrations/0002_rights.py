from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def write_rights(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What was agreed on so far was to play, and perhaps to save."""
    orders: Any = apps.get_model("orders", "Order").objects
    for may_save in (False, True):
        rights = {"play": True, "save": may_save}
        orders.filter(may_save=may_save).update(rights=rights)


def write_may_save(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The way back: what else was agreed on is lost."""
    orders: Any = apps.get_model("orders", "Order").objects
    for order in orders.iterator():
        orders.filter(pk=order.pk).update(may_save=order.rights.get("save") is True)


_NAME = "orders_one_live_order_per_buyer_and_listing"


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="rights",
            field=models.JSONField(
                default=dict, help_text="What was agreed on, as in the licence."
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="order",
            name="start_days",
            field=models.PositiveSmallIntegerField(
                blank=True, help_text="Of a rental: days to begin watching.", null=True
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="spent",
            field=models.BooleanField(
                default=False, help_text="A rental that is over: its buyer may order it again."
            ),
        ),
        migrations.AlterField(
            model_name="order", name="may_save", field=models.BooleanField(default=False)
        ),
        migrations.RunPython(write_rights, write_may_save),
        migrations.RemoveField(model_name="order", name="may_save"),
        migrations.RemoveConstraint(model_name="order", name=_NAME),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                fields=["buyer", "listing"],
                condition=models.Q(state__in=["pending", "paid"], spent=False),
                name=_NAME,
            ),
        ),
    ]
