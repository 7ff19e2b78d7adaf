"""Kill sealing at its first file or database operation, at its second, and so on to the end.

Run as a program, since it forks: each child seals a draft and kills itself (SIGKILL)
just before operation n. After each death the parent looks at what is left, seals
again, and looks once more. Prints a count as JSON; fails at the first broken promise.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import django

CONTENT = {"a.flac": b"fLaC" + os.urandom(200_000), "b.flac": b"fLaC" + os.urandom(70_000)}
# Audit events (PEP 578) through which sealing touches files.
WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}


def main() -> None:
    _set_up()
    counts = {"crashes": 0, "with_package": 0, "without_package": 0}
    while True:
        draft_id = _new_draft()
        status = _seal_in_child(draft_id, die_at=counts["crashes"] + 1)
        has_package = _check_all_or_nothing(draft_id)
        if status == 0:
            break
        assert os.WIFSIGNALED(status), status
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        counts["crashes"] += 1
        counts["with_package" if has_package else "without_package"] += 1
        _seal(draft_id)
        assert _check_all_or_nothing(draft_id)
        _check_nothing_else()
    sys.stdout.write(json.dumps(counts) + "\n")


def _set_up() -> None:
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    data = Path(os.environ["GEOBUK_CRASH_DATA"])
    settings.DATABASES["default"]["NAME"] = data / "db.sqlite3"
    settings.STORE_DIR = data / "store"
    settings.UPLOAD_DIR = data / "uploads"
    settings.KEY_DIR = data / "keys"
    call_command("migrate", verbosity=0)
    from marketplace.packaging import services

    services.issuer()


def _new_draft() -> Any:
    from django.utils import timezone

    from marketplace.accounts.models import User
    from marketplace.packaging import services

    owner = User.objects.filter(email="s@example.org").first()
    owner = owner or User.objects.create_user("s@example.org", "pw")
    draft = services.create_draft(owner=owner)
    for name, data in CONTENT.items():
        services.add_file(
            owner=owner,
            draft_id=draft.pk,
            name=name,
            source=io.BytesIO(data),
            size=len(data),
            now=timezone.now(),
        )
    services.queue_sealing(draft_id=draft.pk, owner=owner, may_save=False)
    return draft.pk


def _seal(draft_id: Any) -> None:
    from django.utils import timezone

    from marketplace.packaging import services

    services.seal_draft(draft_id=draft_id, now=timezone.now())


def _seal_in_child(draft_id: Any, *, die_at: int) -> int:
    from django.db import connection

    connection.close()
    child = os.fork()
    if child == 0:
        count = 0

        def operation() -> None:
            nonlocal count
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

        def audit(event: str, arguments: tuple[Any, ...]) -> None:
            if event in WATCHED and os.environ["GEOBUK_CRASH_DATA"] in str(arguments[0]):
                operation()

        def statement(execute: Any, *arguments: Any) -> Any:
            operation()
            return execute(*arguments)

        sys.addaudithook(audit)
        with connection.execute_wrapper(statement):
            _seal(draft_id)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def _check_all_or_nothing(draft_id: Any) -> bool:
    """Whether there is a package; and that it is whole, or not there in any part."""
    from drm.package import open_file
    from marketplace.packaging import services
    from marketplace.packaging.models import Package, Upload

    package = Package.objects.filter(draft_id=draft_id).first()
    if package is None:
        assert Upload.objects.filter(draft_id=draft_id).count() == len(CONTENT)
        return False
    manifest, key = services.manifest(package.pk), services.content_key(package.pk)
    for index, data in enumerate(CONTENT.values()):
        with (services.store_folder(package.pk) / f"{index:05d}").open("rb") as source:
            assert open_file(manifest, index, source, key=key).read() == data
    assert len(services.piece_layers(package.pk)) == len(CONTENT)
    return True


def _check_nothing_else() -> None:
    """No plaintext, no leftovers, no folder without a package."""
    from django.conf import settings

    from marketplace.packaging.models import Package

    plaintext = [p for p in Path(settings.UPLOAD_DIR).rglob("*") if p.is_file()]
    assert plaintext == [], plaintext
    ids = set(Package.objects.values_list("pk", flat=True))
    expected = ids | {f"{i}.layers" for i in ids}
    there = {p.name for p in Path(settings.STORE_DIR).iterdir()}
    assert there == expected, there ^ expected


if __name__ == "__main__":
    main()
