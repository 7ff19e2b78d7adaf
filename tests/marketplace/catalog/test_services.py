from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import replace

import pytest
from django.core.files.storage import default_storage
from pytest_django import DjangoCaptureOnCommitCallbacks

from marketplace.accounts.models import User
from marketplace.catalog import services
from marketplace.catalog.errors import (
    ListingNotFoundError,
    ListingNotReadyError,
    NotASellerError,
    PriceError,
    TagError,
)
from marketplace.catalog.models import Listing
from marketplace.catalog.names import small_name
from marketplace.catalog.types import Cover, SaleTerms
from marketplace.core.money import Money
from marketplace.packaging.models import PackageDraft
from tests.marketplace.catalog.making import (
    NOW,
    make_details,
    make_package,
    make_seller,
    put_on_sale,
)

pytestmark = pytest.mark.django_db


def test_a_new_listing_is_a_draft_with_room_for_files() -> None:
    seller = make_seller()

    listing = services.create_listing(
        seller=seller, details=make_details(tags=("Piano", "피아노", "piano"))
    )

    listing.refresh_from_db()
    assert listing.status == Listing.Status.DRAFT
    assert listing.draft.owner == seller
    assert listing.price == Money(12_000, "KRW")
    assert sorted(listing.tags.values_list("slug", flat=True)) == ["piano", "피아노"]


def test_who_has_not_opened_a_shop_cannot_list() -> None:
    user = User.objects.create_user("buyer@example.org")

    with pytest.raises(NotASellerError):
        services.create_listing(seller=user, details=make_details())

    assert not Listing.objects.exists()
    assert not PackageDraft.objects.exists()


@pytest.mark.parametrize(
    "price",
    [Money(99, "KRW"), Money(49, "USD"), Money(100_000_000, "USD"), Money(-1, "EUR")],
)
def test_a_price_that_no_card_can_pay_is_refused(price: Money) -> None:
    seller = make_seller()

    with pytest.raises(PriceError):
        services.create_listing(seller=seller, details=make_details(price=price))

    assert not Listing.objects.exists()


@pytest.mark.parametrize(
    "price", [Money(0, "KRW"), Money(100, "KRW"), Money(50, "JPY"), Money(99_999_999, "USD")]
)
def test_free_and_the_least_and_the_most_are_prices(price: Money) -> None:
    services.check_price(price)


def test_another_sellers_listing_is_not_found_and_not_changed() -> None:
    listing = put_on_sale(make_seller())
    rival = make_seller("Rival", "rival@example.org")
    changes = make_details(title="stolen")

    with pytest.raises(ListingNotFoundError):
        services.update_listing(listing_id=listing.pk, seller=rival, details=changes)
    with pytest.raises(ListingNotFoundError):
        services.withdraw_listing(listing_id=listing.pk, seller=rival)
    with pytest.raises(ListingNotFoundError):
        services.withdraw_listing(listing_id=uuid.uuid4(), seller=rival)

    listing.refresh_from_db()
    assert listing.title == "밤의 노래"
    assert listing.status == Listing.Status.ON_SALE


def test_changing_a_listing_on_sale_keeps_its_package_and_date() -> None:
    seller = make_seller()
    listing = put_on_sale(seller, make_details(tags=("old",)))
    changes = make_details(title="낮의 노래", price=Money(500, "USD"), tags=("new",))

    services.update_listing(listing_id=listing.pk, seller=seller, details=changes)

    after = Listing.objects.get(pk=listing.pk)
    assert (after.title, after.price) == ("낮의 노래", Money(500, "USD"))
    assert [tag.name for tag in after.tags.all()] == ["new"]
    assert (after.status, after.package_id, after.published_at) == (
        Listing.Status.ON_SALE,
        listing.package_id,
        NOW,
    )


def test_a_listing_goes_on_sale_once_however_often_the_job_runs() -> None:
    listing = services.create_listing(seller=make_seller(), details=make_details())
    services.set_preparing(listing_id=listing.pk)
    services.set_preparing(listing_id=listing.pk)
    package = make_package(listing)

    services.put_on_sale(listing_id=listing.pk, package_id=package.pk, now=NOW)
    services.put_on_sale(
        listing_id=listing.pk, package_id=package.pk, now=NOW + dt.timedelta(hours=1)
    )

    listing.refresh_from_db()
    assert listing.status == Listing.Status.ON_SALE
    assert listing.published_at == NOW


def test_a_late_second_run_does_not_put_a_withdrawn_listing_back() -> None:
    seller = make_seller()
    listing = put_on_sale(seller)
    services.withdraw_listing(listing_id=listing.pk, seller=seller)

    assert listing.package_id is not None
    services.put_on_sale(listing_id=listing.pk, package_id=listing.package_id, now=NOW)

    listing.refresh_from_db()
    assert listing.status == Listing.Status.WITHDRAWN


def test_the_states_refuse_what_makes_no_sense() -> None:
    seller = make_seller()
    draft = services.create_listing(seller=seller, details=make_details())
    on_sale = put_on_sale(seller)

    with pytest.raises(ListingNotReadyError):
        services.put_on_sale(listing_id=draft.pk, package_id="0" * 64, now=NOW)
    with pytest.raises(ListingNotReadyError):
        services.withdraw_listing(listing_id=draft.pk, seller=seller)
    with pytest.raises(ListingNotReadyError):
        services.resume_sale(listing_id=draft.pk, seller=seller)
    with pytest.raises(ListingNotReadyError):
        services.set_preparing(listing_id=on_sale.pk)
    with pytest.raises(ListingNotReadyError):
        services.back_to_draft(listing_id=on_sale.pk)
    with pytest.raises(ListingNotReadyError):
        services.set_terms(listing_id=on_sale.pk, seller=seller, terms=SaleTerms(may_save=True))

    draft.refresh_from_db()
    on_sale.refresh_from_db()
    assert draft.status == Listing.Status.DRAFT
    assert on_sale.status == Listing.Status.ON_SALE
    assert not on_sale.may_save


def test_failed_sealing_gives_the_draft_back() -> None:
    seller = make_seller()
    listing = services.create_listing(seller=seller, details=make_details())
    services.set_terms(listing_id=listing.pk, seller=seller, terms=SaleTerms(may_save=True))
    services.set_preparing(listing_id=listing.pk)

    services.back_to_draft(listing_id=listing.pk)
    services.back_to_draft(listing_id=listing.pk)

    listing.refresh_from_db()
    assert listing.status == Listing.Status.DRAFT
    assert listing.may_save


def test_withdrawing_and_offering_again_keeps_the_package() -> None:
    seller = make_seller()
    listing = put_on_sale(seller)

    services.withdraw_listing(listing_id=listing.pk, seller=seller)
    services.resume_sale(listing_id=listing.pk, seller=seller)

    after = Listing.objects.get(pk=listing.pk)
    assert (after.status, after.package_id) == (Listing.Status.ON_SALE, listing.package_id)


def test_a_new_cover_replaces_both_sizes_of_the_old(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    seller = make_seller()
    first = replace(make_details(), cover=Cover(b"large", b"small"))
    listing = services.create_listing(seller=seller, details=first)
    old = str(listing.cover.name)
    second = replace(make_details(), cover=Cover(b"large 2", b"small 2"))

    with django_capture_on_commit_callbacks(execute=True):
        services.update_listing(listing_id=listing.pk, seller=seller, details=second)

    new = str(Listing.objects.get(pk=listing.pk).cover.name)
    with default_storage.open(small_name(new)) as file:
        assert file.read() == b"small 2"
    assert not default_storage.exists(old)
    assert not default_storage.exists(small_name(old))


def test_a_cover_stays_until_it_is_removed(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    seller = make_seller()
    with_cover = replace(make_details(), cover=Cover(b"large", b"small"))
    listing = services.create_listing(seller=seller, details=with_cover)
    name = str(listing.cover.name)

    services.update_listing(listing_id=listing.pk, seller=seller, details=make_details())
    assert Listing.objects.get(pk=listing.pk).cover.name == name
    with django_capture_on_commit_callbacks(execute=True):
        services.update_listing(
            listing_id=listing.pk,
            seller=seller,
            details=replace(make_details(), remove_cover=True),
        )

    assert not Listing.objects.get(pk=listing.pk).cover
    assert not default_storage.exists(name)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        (" , ,", ()),
        ("Piano,  lo-fi 음악 ,#live", ("Piano", "lo-fi 음악", "live")),
        ("a,A,ａ", ("a",)),
        ("하나、둘，셋", ("하나", "둘", "셋")),
        ("<b>x</b>", ("<b>x</b>",)),
    ],
)
def test_tags_as_sellers_type_them(text: str, tags: tuple[str, ...]) -> None:
    assert services.split_tags(text) == tags


@pytest.mark.parametrize("text", ["!!!", "🐢", "x" * 41, ",".join(map(str, range(11)))])
def test_tags_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(TagError):
        services.split_tags(text)
