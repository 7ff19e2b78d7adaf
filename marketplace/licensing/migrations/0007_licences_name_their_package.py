from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import OuterRef, Subquery


def name_the_package(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """So far a purchase opened one version, which its licences were for."""
    Entitlement = apps.get_model("licensing", "Entitlement")
    bought = Entitlement.objects.filter(pk=OuterRef("entitlement_id")).values("package_id")[:1]
    apps.get_model("licensing", "Licence").objects.update(package_id=Subquery(bought))


class Migration(migrations.Migration):
    # Apart from the column itself: PostgreSQL alters no table whose rows are still being written.
    dependencies = [("licensing", "0006_licence_of_a_version")]

    operations = [migrations.RunPython(name_the_package, migrations.RunPython.noop)]
