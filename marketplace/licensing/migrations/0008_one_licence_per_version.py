import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("licensing", "0007_licences_name_their_package")]

    operations = [
        migrations.AlterField(
            model_name="licence",
            name="package",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="licences",
                to="packaging.package",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="licence", name="licensing_one_licence_per_device"
        ),
        migrations.AddConstraint(
            model_name="licence",
            constraint=models.UniqueConstraint(
                condition=models.Q(("surrendered_at__isnull", True)),
                fields=("entitlement", "package", "device"),
                name="licensing_one_licence_per_device",
            ),
        ),
    ]
