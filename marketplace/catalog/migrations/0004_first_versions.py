from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def write_down_first_versions(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Every listing that was published so far has one version."""
    Listing = apps.get_model("catalog", "Listing")
    ListingVersion = apps.get_model("catalog", "ListingVersion")
    for listing in Listing.objects.exclude(package=None).iterator():
        ListingVersion.objects.create(
            listing_id=listing.pk,
            number=1,
            draft_id=listing.draft_id,
            package_id=listing.package_id,
            published_at=listing.published_at,
        )


class Migration(migrations.Migration):
    # Apart from the table itself: PostgreSQL alters no table whose rows are still being written.
    dependencies = [("catalog", "0003_versions")]

    operations = [
        migrations.RunPython(write_down_first_versions, migrations.RunPython.noop),
    ]
