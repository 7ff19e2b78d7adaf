import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("licensing", "0005_leases"),
        ("packaging", "0003_version_of_a_package"),
    ]

    operations = [
        migrations.AddField(
            model_name="licence",
            name="package",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="licences",
                to="packaging.package",
            ),
        ),
    ]
