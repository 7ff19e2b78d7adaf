"""Publish half a gigabyte, and end worker after worker in the middle of it.

Run as a program: it has a database of its own, which its workers share. Prints what
it saw as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

SIZE = 512 * 1024**2
PATIENCE = 60  # seconds


def main() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    listing_id = _publish()
    report: dict[str, Any] = {}

    worker = _start()
    _freeze_in_the_middle(worker)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    report["after_kill"] = [_job(), *_listing(listing_id)]

    worker = _start()
    _freeze_in_the_middle(worker)
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGCONT)
    report["after_term"] = [worker.wait(PATIENCE), _job(), *_listing(listing_id)]

    worker = _start()
    _wait(lambda: _listing(listing_id)[0] == "on_sale" and _job() == "SUCCESSFUL")
    worker.send_signal(signal.SIGTERM)
    report["at_last"] = [worker.wait(PATIENCE), _job(), *_listing(listing_id)]

    report["leftovers"] = _leftovers()
    sys.stdout.write(json.dumps(report) + "\n")


def _publish() -> Any:
    from django.conf import settings
    from django.utils import timezone

    from marketplace.accounts.models import Seller, User
    from marketplace.catalog import services as catalog
    from marketplace.catalog.models import Category
    from marketplace.catalog.types import ListingDetails, SaleTerms
    from marketplace.core.money import Money
    from marketplace.packaging import uploads
    from marketplace.publishing import services

    seller = User.objects.create_user("seller@example.org", "pw")
    Seller.objects.create(user=seller, name="S", slug="s")
    details = ListingDetails(
        title="A", description="", price=Money(0, "KRW"), category=Category.objects.all()[0]
    )
    listing = catalog.create_listing(seller=seller, details=details)
    upload = uploads.begin_upload(
        owner=seller, draft_id=listing.draft_id, name="film.mp4", size=SIZE
    )
    folder = Path(settings.UPLOAD_DIR) / str(listing.draft_id)
    folder.mkdir(parents=True)
    with (folder / str(upload.pk)).open("wb") as file:
        # A hole reads as zeros: half a gigabyte that takes no room.
        file.truncate(SIZE)
    head = b"\x00\x00\x00\x20ftypisom"
    uploads.finish_upload(upload_id=upload.pk, head=head, now=timezone.now())
    services.publish(listing_id=listing.pk, seller=seller, terms=SaleTerms(may_save=False))
    return listing.pk


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", "worker"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _freeze_in_the_middle(worker: subprocess.Popen[bytes]) -> None:
    """Stop the worker where it has sealed something and not everything."""
    from marketplace.packaging.models import Package, PackageDraft

    before = PackageDraft.objects.get().done_bytes

    def in_the_middle() -> bool:
        assert worker.poll() is None, "the worker ended by itself"
        draft = PackageDraft.objects.get()
        return draft.state == "sealing" and 0 < draft.done_bytes != before

    _wait(in_the_middle)
    os.kill(worker.pid, signal.SIGSTOP)
    assert not Package.objects.exists(), "the machine is too fast for this test: raise SIZE"


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in a minute"
        time.sleep(0.01)


def _job() -> str:
    from django_tasks_db.models import DBTaskResult

    return DBTaskResult.objects.latest("enqueued_at").status


def _listing(listing_id: Any) -> list[Any]:
    from marketplace.catalog.models import Listing
    from marketplace.packaging.models import Package

    return [Listing.objects.get(pk=listing_id).status, Package.objects.count()]


def _leftovers() -> list[str]:
    """Plaintext, half packages, locks: files that nobody needs any more."""
    from django.conf import settings

    from marketplace.packaging.models import Package

    package = Package.objects.get().pk
    expected = {package, f"{package}.layers"}
    kept = [p.name for p in Path(settings.STORE_DIR).iterdir() if p.name not in expected]
    plain = [p.name for p in Path(settings.UPLOAD_DIR).rglob("*") if p.is_file()]
    locks = [p.name for p in (Path(settings.DATA_DIR) / "workers").iterdir()]
    return [*kept, *plain, *locks]


if __name__ == "__main__":
    main()
