from __future__ import annotations

from typing import Any

from django.db import migrations


def note_networks(apps: Any, schema_editor: Any) -> None:
    """Where a label was asked for is a network in which its device was seen, from now on."""
    from marketplace.distribution.networks import network_of

    seen = apps.get_model("distribution", "SeenNetwork")
    labels = apps.get_model("distribution", "SwarmLabel").objects.filter(
        device__isnull=False, address__isnull=False
    )
    rows = labels.values_list("device_id", "address", "created_at")
    seen.objects.bulk_create(
        [
            seen(device_id=device_id, network=network_of(address), seen_at=created_at)
            for device_id, address, created_at in rows.iterator()
        ],
        ignore_conflicts=True,
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [("distribution", "0006_claim_elsewhere")]

    operations = [migrations.RunPython(note_networks, migrations.RunPython.noop)]
