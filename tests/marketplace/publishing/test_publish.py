"""From a draft to a listing on sale, by the job."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone, translation
from django_tasks_db.models import DBTaskResult

from marketplace.accounts.models import User
from marketplace.catalog.errors import ListingNotFoundError, ListingNotReadyError
from marketplace.catalog.models import Listing
from marketplace.catalog.types import SaleTerms
from marketplace.core.filelock import hold
from marketplace.distribution.models import Torrent
from marketplace.messaging.models import Event
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import NoFilesError, SaveRequiredError, SealingStoppedError
from marketplace.packaging.models import Package, Upload
from marketplace.publishing import services
from marketplace.publishing.tasks import seal_listing
from marketplace.publishing.worker import enqueue_lost, lock_path, reap
from tests.marketplace.publishing.conftest import ZIP, work

pytestmark = pytest.mark.django_db
Add = Callable[..., Upload]


def _publish(listing: Listing, *, may_save: bool = False) -> None:
    services.publish(
        listing_id=listing.pk, seller=listing.seller, terms=SaleTerms(may_save=may_save)
    )


def _work_until_torrent_fails(listing: Listing, folders: Path) -> None:
    """Seal, then take the piece layers away before the torrent is made."""
    package = packaging.seal_draft(draft_id=listing.draft_id, now=timezone.now())
    layers = folders / "store" / f"{package.pk}.layers"
    kept = layers.read_bytes()
    layers.unlink()
    work()
    layers.write_bytes(kept)


def test_a_draft_goes_on_sale(listing: Listing, add: Add, folders: Path) -> None:
    add("하나.flac")
    add("둘.flac")

    _publish(listing)
    listing.refresh_from_db()
    between = listing.status
    work()

    listing.refresh_from_db()
    package = Package.objects.get(draft=listing.draft)
    assert between == "preparing"
    assert listing.status == "on_sale"
    assert listing.package == package
    assert listing.published_at is not None
    assert Torrent.objects.filter(package=package).count() == 1
    assert [f.name for f in package.files.all()] == ["하나.flac", "둘.flac"]
    assert [p for p in (folders / "uploads").rglob("*") if p.is_file()] == []
    last = Event.objects.filter(kind="sealing.progress").latest("id").payload
    assert (last["state"], last["stage"]) == ("sealed", "on_sale")


@pytest.mark.django_db(transaction=True)
def test_the_worker_takes_what_waits_and_ends(listing: Listing, add: Add, folders: Path) -> None:
    add()
    _publish(listing)

    call_command("worker", batch=True)

    listing.refresh_from_db()
    assert listing.status == "on_sale"
    assert list((folders / "workers").iterdir()) == []


def test_the_job_may_run_again(listing: Listing, add: Add) -> None:
    add()
    _publish(listing)
    work()
    listing.refresh_from_db()
    first = (listing.package_id, listing.published_at)
    events = Event.objects.count()

    seal_listing.enqueue(str(listing.pk))
    work()

    listing.refresh_from_db()
    assert (listing.package_id, listing.published_at) == first
    assert Event.objects.count() == events
    assert Torrent.objects.count() == Package.objects.count() == 1


def test_publishing_twice_asks_for_one_job(listing: Listing, add: Add) -> None:
    add()

    _publish(listing)
    _publish(listing)

    assert DBTaskResult.objects.count() == 1


def test_a_refusal_changes_nothing(listing: Listing, add: Add) -> None:
    with pytest.raises(NoFilesError):
        _publish(listing, may_save=True)
    add("tool.zip", ZIP)
    with pytest.raises(SaveRequiredError):
        _publish(listing)

    listing.refresh_from_db()
    assert (listing.status, listing.may_save, listing.draft.state) == ("draft", False, "collecting")
    assert DBTaskResult.objects.count() == 0


def test_another_sellers_listing_is_not_found(
    listing: Listing, add: Add, make_seller: Callable[[], User]
) -> None:
    add()

    with pytest.raises(ListingNotFoundError):
        services.publish(
            listing_id=listing.pk, seller=make_seller(), terms=SaleTerms(may_save=True)
        )

    listing.refresh_from_db()
    assert listing.status == "draft"


def test_what_is_on_sale_is_not_published_again(listing: Listing, add: Add) -> None:
    add()
    _publish(listing)
    work()

    with pytest.raises(ListingNotReadyError):
        _publish(listing, may_save=True)

    listing.refresh_from_db()
    assert (listing.status, listing.may_save) == ("on_sale", False)


def test_a_failure_tells_the_seller_and_can_be_tried_again(
    listing: Listing, add: Add, folders: Path
) -> None:
    upload = add()
    file = folders / "uploads" / str(listing.draft_id) / str(upload.pk)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    _publish(listing)
    work()
    listing.refresh_from_db()
    failed = (listing.status, listing.draft.state, listing.draft.error)
    packages = Package.objects.count()
    file.write_bytes(whole)

    _publish(listing)
    work()

    assert failed[:2] == ("draft", "failed")
    assert "changed while it was sealed" in failed[2]
    assert packages == 0
    listing = Listing.objects.get(pk=listing.pk)
    assert (listing.status, listing.draft.state, listing.draft.error) == ("on_sale", "sealed", "")


def test_a_failure_behind_sealing_is_mended_without_sealing_again(
    listing: Listing, add: Add, folders: Path
) -> None:
    add()
    _publish(listing)
    _work_until_torrent_fails(listing, folders)
    listing = Listing.objects.get(pk=listing.pk)
    failed = (listing.status, listing.draft.state)
    package = Package.objects.get()

    _publish(listing)
    work()

    listing = Listing.objects.get(pk=listing.pk)
    assert failed == ("draft", "failed")
    assert (listing.status, listing.package_id) == ("on_sale", package.pk)


def test_the_job_speaks_the_language_of_who_asked(listing: Listing, add: Add) -> None:
    add()
    with translation.override("ko"):
        _publish(listing)

    job = DBTaskResult.objects.get()
    assert job.args_kwargs["args"] == [str(listing.pk), "ko"]


def test_a_lost_master_key_is_no_business_of_the_seller(
    listing: Listing, add: Add, folders: Path
) -> None:
    add()
    _publish(listing)
    keys = folders / "keys"
    keys.mkdir(mode=0o700)
    (keys / "master.key").write_text("ab" * 32)
    (keys / "master.key").chmod(0o644)

    work()

    listing = Listing.objects.get(pk=listing.pk)
    assert (listing.status, listing.draft.state) == ("draft", "failed")
    assert str(folders) not in listing.draft.error
    assert "operator" in listing.draft.error


def _running(worker: str, listing_id: uuid.UUID) -> DBTaskResult[..., None]:
    seal_listing.enqueue(str(listing_id))
    job = DBTaskResult.objects.latest("enqueued_at")
    job.claim(worker)
    return job


def test_jobs_of_dead_workers_go_back_and_jobs_of_living_ones_stay(listing: Listing) -> None:
    living, dead = _running("living", listing.pk), _running("dead", listing.pk)

    with hold(lock_path("living")):
        count = reap()

    living.refresh_from_db()
    dead.refresh_from_db()
    assert count == 1
    assert (living.status, dead.status) == ("RUNNING", "READY")
    assert reap() == 1


def test_a_listing_that_waits_without_a_job_gets_one(listing: Listing, add: Add) -> None:
    add()
    _publish(listing)
    with_job = enqueue_lost()
    DBTaskResult.objects.all().delete()

    without_job = enqueue_lost()
    work()

    listing.refresh_from_db()
    assert (with_job, without_job) == (0, 1)
    assert listing.status == "on_sale"


def test_a_job_that_gives_way_runs_again(listing: Listing, add: Add) -> None:
    add()
    _publish(listing)

    with pytest.raises(SealingStoppedError):
        services.prepare_listing(listing_id=listing.pk, stop=lambda: True)
    listing.refresh_from_db()
    between = listing.status
    work()

    listing.refresh_from_db()
    assert (between, listing.status) == ("preparing", "on_sale")
