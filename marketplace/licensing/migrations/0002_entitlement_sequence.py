from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def number(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Number each entitlement by its last event, as later events do."""
    entitlements = apps.get_model("licensing", "Entitlement")
    for entitlement in entitlements.objects.prefetch_related("events").iterator(chunk_size=500):
        times = [event.at for event in entitlement.events.all()]
        last = max(times, default=entitlement.created_at)
        entitlements.objects.filter(pk=entitlement.pk).update(
            sequence=int(last.timestamp() * 1000)
        )


class Migration(migrations.Migration):
    dependencies = [("licensing", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="entitlement",
            name="sequence",
            field=models.PositiveBigIntegerField(
                default=0,
                help_text="Grows with each event: of two signed words the higher counts.",
            ),
        ),
        migrations.RunPython(number, migrations.RunPython.noop),
    ]
