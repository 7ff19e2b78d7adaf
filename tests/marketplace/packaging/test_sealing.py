from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from drm.errors import DrmError
from drm.manifest import open_details, package_id
from drm.package import open_file
from marketplace.accounts.models import User
from marketplace.messaging.models import Event
from marketplace.packaging import queries, services
from marketplace.packaging.errors import (
    CustodyError,
    DraftClosedError,
    DraftNotFoundError,
    NoFilesError,
    NoSpaceError,
    PackageNotFoundError,
    SaveRequiredError,
    SealingRunningError,
    SealingStoppedError,
    UploadsUnfinishedError,
)
from marketplace.packaging.files import draft_folder, upload_path
from marketplace.packaging.models import ContentKey, Package, PackageDraft, Upload
from marketplace.packaging.uploads import begin_upload
from tests.marketplace.packaging.conftest import FLAC

Add = Callable[..., Upload]
BIG = os.urandom(300_000)

pytestmark = pytest.mark.django_db


def _queue(draft: PackageDraft, *, may_save: bool = False) -> bool:
    return services.queue_sealing(draft_id=draft.pk, owner=draft.owner, may_save=may_save)


def _seal(draft: PackageDraft, stop: Callable[[], bool] = lambda: False) -> Package:
    return services.seal_draft(draft_id=draft.pk, now=timezone.now(), stop=stop)


def _opened(package: Package) -> list[bytes]:
    """The plain bytes of a package, by way of store, custody and manifest."""
    manifest = services.manifest(package.pk)
    key = services.content_key(package.pk)
    folder = services.store_folder(package.pk)
    plain = []
    for index in range(len(manifest.files)):
        with (folder / f"{index:05d}").open("rb") as source:
            plain.append(open_file(manifest, index, source, key=key).read())
    return plain


def _store() -> set[str]:
    return {path.name for path in Path(settings.STORE_DIR).glob("*")}


def _plaintext() -> list[Path]:
    return [path for path in Path(settings.UPLOAD_DIR).rglob("*") if path.is_file()]


def test_a_draft_becomes_a_package_that_its_key_opens(draft: PackageDraft, add: Add) -> None:
    add("노래.flac", FLAC)
    add("big.zip", BIG)
    _queue(draft, may_save=True)

    package = _seal(draft)

    assert package.pk == package_id(package.manifest)
    assert _opened(package) == [FLAC, BIG]
    entries = open_details(services.manifest(package.pk), services.content_key(package.pk))
    assert [(e.name, e.media_type, e.size) for e in entries] == [
        ("노래.flac", "audio/flac", len(FLAC)),
        ("big.zip", "application/octet-stream", len(BIG)),
    ]
    rows = [(f.index, f.name, f.plain_size) for f in queries.files(package.pk)]
    assert rows == [(0, "노래.flac", len(FLAC)), (1, "big.zip", len(BIG))]
    assert package.plain_size == len(FLAC) + len(BIG)
    sizes = [f.stat().st_size for f in sorted(services.store_folder(package.pk).iterdir())]
    assert sizes == [f.sealed_size for f in queries.files(package.pk)]
    assert sum(sizes) == package.sealed_size
    layers = services.piece_layers(package.pk)
    assert [len(layer) // 32 for layer in layers] == [0, 5]


def test_after_sealing_only_ciphertext_is_left(draft: PackageDraft, add: Add) -> None:
    add("song.flac", FLAC)
    _queue(draft)

    package = _seal(draft)

    assert _plaintext() == []
    assert not queries.uploads(draft.pk).exists()
    assert _store() == {package.pk, f"{package.pk}.layers"}
    for path in services.store_folder(package.pk).iterdir():
        assert FLAC[8:200] not in path.read_bytes()


def test_sealing_again_returns_the_same_package(draft: PackageDraft, add: Add) -> None:
    add()
    _queue(draft)

    first, second = _seal(draft), _seal(draft)

    assert first == second
    assert Package.objects.count() == 1
    assert _opened(first) == [FLAC]


def test_each_package_has_a_key_and_a_salt_of_its_own(
    draft: PackageDraft, seller: User, add: Add
) -> None:
    other = services.create_draft(owner=seller)
    packages = []
    for each in (draft, other):
        add(into=each)
        _queue(each)
        packages.append(_seal(each))

    first, second = packages
    assert services.content_key(first.pk) != services.content_key(second.pk)
    a, b = ((services.store_folder(p.pk) / "00000").read_bytes() for p in packages)
    assert a[1:40] != b[1:40]
    assert a[40:] != b[40:]


def test_keys_that_were_swapped_in_the_database_do_not_open(
    draft: PackageDraft, seller: User, add: Add
) -> None:
    other = services.create_draft(owner=seller)
    for each in (draft, other):
        add(into=each)
        _queue(each)
    first, second = _seal(draft), _seal(other)

    foreign = ContentKey.objects.get(package=second).wrapped
    ContentKey.objects.filter(package=first).update(wrapped=foreign)

    with pytest.raises(CustodyError, match="belong together"):
        services.content_key(first.pk)


def test_a_file_without_a_player_needs_the_right_to_save(draft: PackageDraft, add: Add) -> None:
    add("song.flac", FLAC)
    add("tool.zip", b"PK\x03\x04" + BIG)

    with pytest.raises(SaveRequiredError, match=r"no player here for tool\.zip"):
        _queue(draft)
    draft.refresh_from_db()
    assert draft.state == "collecting"

    assert _queue(draft, may_save=True)


def test_nothing_and_half_a_file_cannot_be_sealed(draft: PackageDraft, seller: User) -> None:
    with pytest.raises(NoFilesError):
        _queue(draft)
    begin_upload(owner=seller, draft_id=draft.pk, name="film.mp4", size=10)
    with pytest.raises(UploadsUnfinishedError, match=r"film\.mp4"):
        _queue(draft)
    with pytest.raises(DraftClosedError):
        _seal(draft)

    draft.refresh_from_db()
    assert draft.state == "collecting"
    assert _store() == set()


def test_asking_twice_queues_once(draft: PackageDraft, add: Add) -> None:
    add()

    assert [_queue(draft), _queue(draft)] == [True, False]


def test_another_persons_draft_is_not_found(draft: PackageDraft, stranger: User, add: Add) -> None:
    add()

    with pytest.raises(DraftNotFoundError):
        services.queue_sealing(draft_id=draft.pk, owner=stranger, may_save=True)
    draft.refresh_from_db()
    assert draft.state == "collecting"


def test_a_package_that_is_not_there_is_not_found() -> None:
    for name in ("0" * 64, "../../etc", ""):
        with pytest.raises(PackageNotFoundError):
            services.content_key(name)
        with pytest.raises(PackageNotFoundError):
            services.piece_layers(name)


def test_the_owner_hears_how_far_it_is(draft: PackageDraft, add: Add) -> None:
    add("big.flac", b"fLaC" + bytes(5 * 1024**2))
    _queue(draft)
    _seal(draft)

    events = [e.payload for e in Event.objects.filter(kind="sealing.progress").order_by("id")]

    assert {e["draft"] for e in events} == {str(draft.pk)}
    states = list(dict.fromkeys(e["state"] for e in events))
    assert states == ["queued", "sealing", "sealed"]
    assert events[-1]["done"] == events[-1]["total"] == 5 * 1024**2 + 4
    assert len(events) < 12


def test_a_worker_that_is_told_to_end_leaves_nothing_and_the_next_one_goes_on(
    draft: PackageDraft, add: Add
) -> None:
    add("big.flac", b"fLaC" + BIG)
    _queue(draft)

    with pytest.raises(SealingStoppedError):
        _seal(draft, stop=lambda: True)
    between = (_store(), len(_plaintext()), Package.objects.count())
    package = _seal(draft)

    assert between == (set(), 1, 0)
    assert _opened(package) == [b"fLaC" + BIG]


@pytest.fixture
def small_files() -> Iterator[int]:
    """A system that cannot write more than so many bytes to one file."""
    limit = 8 * 1024**2
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_leaves_nothing(
    draft: PackageDraft, add: Add, small_files: int
) -> None:
    # The tags make the ciphertext larger than the limit that its plaintext just fits in.
    add("big.flac", b"fLaC" + bytes(small_files - 4))
    _queue(draft)

    with pytest.raises(OSError, match="too large"):
        _seal(draft)

    assert _store() == set()
    assert Package.objects.count() == 0
    assert len(_plaintext()) == 1


def test_a_disk_without_room_is_told_before_anything_is_written(
    draft: PackageDraft, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    _queue(draft)
    monkeypatch.setattr("marketplace.packaging.sealing.RESERVE", 2**62)

    with pytest.raises(NoSpaceError):
        _seal(draft)

    assert _store() == set()


def test_an_upload_that_changed_behind_our_back_is_not_sealed(
    draft: PackageDraft, add: Add
) -> None:
    upload = add()
    _queue(draft)
    with upload_path(draft.pk, upload.pk).open("ab") as file:
        file.write(b"more")

    with pytest.raises(DrmError, match="changed while"):
        _seal(draft)

    assert _store() == set()
    assert Package.objects.count() == 0


def test_a_failure_is_told_and_may_be_tried_again(draft: PackageDraft, add: Add) -> None:
    add()
    _queue(draft)

    services.fail_draft(draft_id=draft.pk, error="The disk is full.")
    draft.refresh_from_db()
    failed = (draft.state, draft.error)
    with pytest.raises(DraftClosedError):
        _seal(draft)
    again = _queue(draft)
    package = _seal(draft)

    assert failed == ("failed", "The disk is full.")
    assert again
    assert _opened(package) == [FLAC]


def test_plaintext_that_a_crash_kept_is_swept(
    draft: PackageDraft, add: Add, tmp_path: Path
) -> None:
    upload = add()
    kept = upload_path(draft.pk, upload.pk).read_bytes()
    _queue(draft)
    _seal(draft)
    draft_folder(draft.pk).mkdir(parents=True)
    upload_path(draft.pk, upload.pk).write_bytes(kept)

    services.sweep_uploads(now=timezone.now())

    assert _plaintext() == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_package(draft: PackageDraft, add: Add) -> None:
    add("big.flac", b"fLaC" + bytes(20 * 1024**2))
    _queue(draft)
    start = threading.Barrier(2)

    def work() -> str:
        start.wait()
        try:
            return _seal(draft).pk
        except SealingRunningError:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = [future.result() for future in [pool.submit(work) for _ in range(2)]]

    package = Package.objects.get()
    assert set(results) <= {package.pk, ""}
    assert package.pk in results
    assert _store() == {package.pk, f"{package.pk}.layers"}
    assert len(_opened(package)[0]) == 20 * 1024**2 + 4


def test_a_crash_at_any_file_or_database_operation_leaves_all_or_nothing(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tests.marketplace.packaging.crashes"]
    environment = {
        **os.environ,
        "GEOBUK_CRASH_DATA": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "marketplace.config.settings.test",
    }
    environment.pop("GEOBUK_PG_NAME", None)

    result = subprocess.run(
        program, env=environment, capture_output=True, text=True, check=False, timeout=110
    )

    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["crashes"] > 30
    # Some die before the commit, some behind it.
    assert report["without_package"] > 10
    assert report["with_package"] > 2
