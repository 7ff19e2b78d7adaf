"""New versions of a listing: begun in the studio, sealed by the job, for whoever bought it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from marketplace.catalog import queries as catalog
from marketplace.catalog.models import Listing, ListingVersion
from marketplace.licensing import queries as licensing
from marketplace.licensing import services as licensing_services
from marketplace.licensing.errors import EntitlementNotFoundError
from marketplace.messaging import services as messaging
from marketplace.messaging.models import Event
from marketplace.packaging import services as packaging
from marketplace.packaging.models import PackageDraft, Upload
from marketplace.publishing.tasks import seal_version
from marketplace.publishing.worker import enqueue_lost
from tests.marketplace.publishing.conftest import FLAC, ZIP, work
from tests.marketplace.trade import buy, make_person

pytestmark = pytest.mark.django_db
Add = Callable[..., Upload]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def on_sale(browser: Client, listing: Listing, add: Add) -> Listing:
    add("song.flac")
    browser.post(_url("publish", listing), {"rights": "play"})
    work()
    listing.refresh_from_db()
    assert listing.status == "on_sale"
    return listing


def _url(name: str, listing: Listing) -> str:
    return reverse(f"publishing:{name}", args=[listing.pk])


def _begin(browser: Client, listing: Listing) -> PackageDraft:
    browser.post(_url("begin_version", listing))
    version = catalog.own_version(listing.pk, listing.seller)
    assert version is not None
    return version.draft


def _add(listing: Listing, draft: PackageDraft, name: str, data: bytes = FLAC) -> Upload:
    return packaging.add_file(
        owner=listing.seller,
        draft_id=draft.pk,
        name=name,
        source=io.BytesIO(data),
        size=len(data),
        now=timezone.now(),
    )


def _second(browser: Client, listing: Listing, notes: str = "") -> str:
    """Publish a second version; the id of its package."""
    draft = _begin(browser, listing)
    _add(listing, draft, "song.flac", FLAC + b"a second master")
    browser.post(_url("publish_version", listing), {"notes": notes})
    work()
    listing.refresh_from_db()
    assert listing.package_id is not None
    return listing.package_id


def test_the_listing_sells_the_old_version_until_the_new_one_is_ready(
    browser: Client, on_sale: Listing
) -> None:
    first = on_sale.package_id
    draft = _begin(browser, on_sale)
    _add(on_sale, draft, "song.flac")

    answer = browser.post(_url("publish_version", on_sale), {"notes": "Louder"})
    on_sale.refresh_from_db()
    between = (on_sale.status, on_sale.package_id)
    waiting = browser.get(_url("version", on_sale)).content.decode()
    work()

    on_sale.refresh_from_db()
    assert answer["Location"] == _url("version", on_sale)
    assert between == ("on_sale", first)
    assert "Version 2 is being prepared" in waiting
    assert on_sale.package_id != first
    assert on_sale.status == "on_sale"
    page = browser.get(_url("version", on_sale)).content.decode()
    assert page.index("Version 2") < page.index("Louder") < page.index("Version 1")


def test_each_version_has_its_own_key_salt_and_number(browser: Client, on_sale: Listing) -> None:
    first = on_sale.package_id
    assert first is not None

    # The very same bytes again: nothing of the two packages may be the same.
    draft = _begin(browser, on_sale)
    _add(on_sale, draft, "song.flac")
    browser.post(_url("publish_version", on_sale), {"notes": ""})
    work()
    on_sale.refresh_from_db()

    second = on_sale.package_id
    assert second is not None
    manifests = [packaging.manifest(name) for name in (first, second)]
    assert [manifest.version for manifest in manifests] == [1, 2]
    assert manifests[0].key_commitment != manifests[1].key_commitment
    old, new = packaging.content_key(first), packaging.content_key(second)
    assert old != new
    ciphertexts = [
        (packaging.store_folder(name) / "00000").read_bytes() for name in (first, second)
    ]
    assert len(ciphertexts[0]) == len(ciphertexts[1])
    assert ciphertexts[0][:1024] != ciphertexts[1][:1024]


def test_who_bought_a_version_opens_it_and_the_later_ones(
    browser: Client, on_sale: Listing
) -> None:
    first = on_sale.package_id
    assert first is not None
    early, late = make_person("early"), make_person("late")
    buy(early, on_sale)
    Event.objects.all().delete()

    second = _second(browser, on_sale, "Louder")
    buy(late, on_sale)

    assert licensing.packages_of(early) == {first, second}
    assert licensing.packages_of(late) == {second}
    assert licensing.is_entitled(early.pk, second)
    assert not licensing.is_entitled(late.pk, first)
    assert licensing.entitled_packages() == {first, second}
    assert licensing.entitlement_of(early, second) == licensing.entitlement_of(early, first)
    with pytest.raises(EntitlementNotFoundError):
        licensing.entitlement_of(late, first)
    told = Event.objects.filter(kind="library.changed").values_list("group", flat=True)
    assert list(told) == [messaging.user_group(early.pk), messaging.user_group(late.pk)]
    shown = [(p.package_id, p.version, p.newest, p.notes) for p in licensing.library_of(early)]
    assert shown == [(second, 2, True, "Louder"), (first, 1, False, "")]


def test_a_refund_closes_every_version(browser: Client, on_sale: Listing) -> None:
    buyer = make_person("buyer")
    entitlement = buy(buyer, on_sale)
    _second(browser, on_sale)
    assert entitlement.order_id is not None

    licensing_services.revoke(order_id=entitlement.order_id, cause="refund:1", now=timezone.now())

    assert licensing.packages_of(buyer) == set()


def test_a_withdrawn_listing_still_brings_a_new_version_to_its_buyers(
    browser: Client, on_sale: Listing
) -> None:
    buyer = make_person("buyer")
    buy(buyer, on_sale)
    browser.post(_url("withdraw", on_sale))

    second = _second(browser, on_sale)

    assert on_sale.status == "withdrawn"
    assert second in licensing.packages_of(buyer)


def test_beginning_twice_begins_one(browser: Client, on_sale: Listing) -> None:
    first = _begin(browser, on_sale)
    second = _begin(browser, on_sale)

    assert first == second
    assert ListingVersion.objects.filter(listing=on_sale).count() == 2


def test_a_draft_listing_has_no_versions_yet(browser: Client, listing: Listing) -> None:
    answer = browser.post(_url("begin_version", listing), follow=True)

    assert "Put the listing on sale first" in answer.content.decode()
    assert not ListingVersion.objects.exists()


def test_a_version_is_given_up_with_its_files(
    browser: Client, on_sale: Listing, folders: Path
) -> None:
    draft = _begin(browser, on_sale)
    upload = _add(on_sale, draft, "song.flac")
    first = on_sale.package_id

    answer = browser.post(_url("drop_version", on_sale), follow=True)

    on_sale.refresh_from_db()
    assert "Given up" in answer.content.decode()
    assert not Upload.objects.filter(pk=upload.pk).exists()
    assert not PackageDraft.objects.filter(pk=draft.pk).exists()
    assert (on_sale.status, on_sale.package_id) == ("on_sale", first)


def test_a_version_that_is_being_prepared_is_not_given_up(
    browser: Client, on_sale: Listing
) -> None:
    draft = _begin(browser, on_sale)
    _add(on_sale, draft, "song.flac")
    browser.post(_url("publish_version", on_sale), {"notes": ""})

    browser.post(_url("drop_version", on_sale))
    work()

    on_sale.refresh_from_db()
    assert on_sale.draft_id == draft.pk


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "Add at least one file first."),
        ({"tool.zip": ZIP}, "There is no player here for tool.zip"),
    ],
)
def test_what_cannot_be_published_says_why_and_keeps_the_words(
    browser: Client, on_sale: Listing, files: dict[str, bytes], sentence: str
) -> None:
    draft = _begin(browser, on_sale)
    for name, data in files.items():
        _add(on_sale, draft, name, data)

    answer = browser.post(_url("publish_version", on_sale), {"notes": "한 곡 더"})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert "한 곡 더" in page


def test_files_of_the_next_version_are_moved_listed_and_removed(
    browser: Client, on_sale: Listing
) -> None:
    draft = _begin(browser, on_sale)
    _add(on_sale, draft, "one.flac")
    two = _add(on_sale, draft, "two.flac")
    arguments = [on_sale.pk, two.pk]

    moved = browser.post(
        reverse("publishing:move", args=arguments), {"to": "up"}, headers=HTMX
    ).content.decode()
    browser.post(reverse("publishing:remove", args=arguments))
    listed = browser.get(_url("version_files", on_sale), headers=HTMX).content.decode()

    assert moved.index("two.flac") < moved.index("one.flac")
    assert "one.flac" in listed
    assert "two.flac" not in listed


def test_a_failure_is_told_and_tried_again(
    browser: Client, on_sale: Listing, folders: Path
) -> None:
    draft = _begin(browser, on_sale)
    upload = _add(on_sale, draft, "song.flac")
    path = folders / "uploads" / str(draft.pk) / str(upload.pk)
    away = path.rename(path.with_suffix(".away"))
    first = on_sale.package_id
    browser.post(_url("publish_version", on_sale), {"notes": ""})
    work()

    failed = browser.get(_url("version", on_sale)).content.decode()
    on_sale.refresh_from_db()
    between = (on_sale.status, on_sale.package_id)
    away.rename(path)
    browser.post(_url("publish_version", on_sale), {"notes": ""})
    work()

    on_sale.refresh_from_db()
    assert "Preparing these files failed." in failed
    assert between == ("on_sale", first)
    assert on_sale.package_id != first


def test_the_job_may_run_again_and_a_lost_one_is_queued_again(
    browser: Client, on_sale: Listing
) -> None:
    draft = _begin(browser, on_sale)
    _add(on_sale, draft, "song.flac")
    browser.post(_url("publish_version", on_sale), {"notes": ""})
    version = catalog.own_version(on_sale.pk, on_sale.seller)
    assert version is not None
    DBTaskResult.objects.all().delete()

    queued = enqueue_lost()
    seal_version.enqueue(str(version.pk))
    work()

    on_sale.refresh_from_db()
    assert queued == 1
    assert on_sale.package_id is not None
    assert catalog.versions_of(on_sale.pk).count() == 2
