from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_pricing")]

    operations = [
        migrations.AddField(
            model_name="listing",
            name="pool_bps",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="Hundredths of a percent of a sale for its delivery. Empty: the operator's.",
                null=True,
            ),
        ),
    ]
