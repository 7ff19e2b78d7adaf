from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("distribution", "0005_label_port")]

    operations = [
        migrations.AddField(
            "claim",
            "elsewhere",
            models.PositiveBigIntegerField(
                default=0,
                help_text="Of the bytes, what the origin sent to where the label's owner was "
                "never seen.",
            ),
        ),
    ]
