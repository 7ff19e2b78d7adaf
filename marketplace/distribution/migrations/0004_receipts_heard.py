from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import F


def first_as_last(apps: Any, schema_editor: Any) -> None:
    """Of what is there, the last time is the only one that is known."""
    for name in ("Receipt", "Claim"):
        apps.get_model("distribution", name).objects.update(heard_at=F("updated_at"))


def _field(**options: Any) -> models.DateTimeField[Any, Any]:
    return models.DateTimeField(help_text="For the first time.", **options)


class Migration(migrations.Migration):
    dependencies = [("distribution", "0003_receipts")]

    operations = [
        migrations.AddField("receipt", "heard_at", _field(null=True)),
        migrations.AddField("claim", "heard_at", _field(null=True)),
        migrations.RunPython(first_as_last, migrations.RunPython.noop),
        migrations.AlterField("receipt", "heard_at", _field()),
        migrations.AlterField("claim", "heard_at", _field()),
    ]
