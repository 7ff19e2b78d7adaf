from typing import Any

from django.db import migrations, models
from django.db.models import F


def copy_registered_at(apps: Any, schema_editor: Any) -> None:
    # The latest registration is the earliest that an older shop remembers.
    apps.get_model("accounts", "Device").objects.update(first_registered_at=F("registered_at"))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="device",
            name="first_registered_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunPython(copy_registered_at, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="device",
            name="first_registered_at",
            field=models.DateTimeField(help_text="Stays when the key is registered again."),
        ),
    ]
