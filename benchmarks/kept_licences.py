"""`python -m benchmarks.kept_licences 300`: licences a second that a shop issues and keeps.

One package, a buyer for each licence; everything but the licences is there before
the clock starts, which is the processor's in this process: what a PostgreSQL server
does beside it is not counted, nor is waiting for a disk. Prints {"per_second": …}.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid

import django

__all__ = ["main"]


def main(count: int) -> int:
    """Make a test database, issue `count` licences, print how fast, drop the database."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.config.settings.test"
    django.setup()
    from django.conf import settings
    from django.test.utils import get_runner

    runner = get_runner(settings)(verbosity=0, interactive=False)
    old = runner.setup_databases()
    try:
        print(json.dumps({"per_second": _issue(count)}))
    finally:
        runner.teardown_databases(old)
    return 0


def _issue(count: int) -> float:
    from django.utils import timezone

    from drm.encoding import b64u
    from drm.keys import IdentityKey, SealingKey, sign_sealing_key
    from marketplace.accounts.models import Device, User
    from marketplace.licensing import services
    from tests.marketplace.trade import buy, sell

    listing, now, buyers = sell(), timezone.now(), []
    for _ in range(count):
        user = User.objects.create_user(f"{uuid.uuid4().hex}@example.org", "pw")
        identity, sealing = IdentityKey.generate(), SealingKey.generate()
        device = Device.objects.create(
            user=user,
            name="desk",
            thumbprint=identity.public.thumbprint,
            identity_key=b64u(identity.public.to_bytes()),
            sealing_key=b64u(sealing.public.to_bytes()),
            sealing_suite=sealing.suite,
            sealing_key_signature=b64u(sign_sealing_key(identity, sealing.public)),
            registered_at=now,
            first_registered_at=now,
        )
        buyers.append((user, device, buy(user, listing).package_id))
    began = time.process_time()
    for user, device, package_id in buyers:
        services.licence_for(user=user, device=device, package_id=package_id, now=now)
    return count / (time.process_time() - began)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
