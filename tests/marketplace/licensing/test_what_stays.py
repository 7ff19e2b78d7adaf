"""Neither the seller's leaving nor anything else of theirs takes a purchase away."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import Device, Seller, User
from marketplace.accounts.services import FORMER_SELLER
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Listing
from marketplace.distribution import services as distribution
from marketplace.distribution.access import membership_of
from marketplace.distribution.models import AnnounceToken
from marketplace.ledger import services as ledger
from marketplace.ledger.types import EntryKind, Line, chart
from marketplace.licensing import queries, services
from marketplace.licensing.models import Entitlement, EntitlementEvent
from tests.marketplace.trade import PASSWORD, buy, log_in_device, make_person, sell, sell_next

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_swarms")]


def _withdraw(listing: Listing) -> None:
    catalog.withdraw_listing(listing_id=listing.pk, seller=listing.seller)


def _next_version(listing: Listing) -> None:
    sell_next(listing, data=b"fLaC" + b"second" * 99)


def _erase(listing: Listing) -> None:
    call_command("erase_account", listing.seller.email, "--yes")


def _close_the_account(listing: Listing) -> None:
    User.objects.filter(pk=listing.seller_id).update(is_active=False)


@pytest.mark.parametrize("happens", [_withdraw, _next_version, _erase, _close_the_account])
def test_a_purchase_stays_whole(happens: Callable[[Listing], None]) -> None:
    ada, listing = make_person(), sell()
    bought = buy(ada, listing)
    package = bought.package_id
    desk = Device.objects.get(thumbprint=log_in_device(ada).identity.public.thumbprint)
    before = services.licence_for(user=ada, device=desk, package_id=package, now=timezone.now())

    happens(listing)

    bought.refresh_from_db()
    phone = Device.objects.get(thumbprint=log_in_device(ada, "phone").identity.public.thumbprint)
    now = timezone.now()
    same = services.licence_for(user=ada, device=desk, package_id=package, now=now)
    further = services.licence_for(user=ada, device=phone, package_id=package, now=now)
    distribution.torrent_for_device(user=ada, device=phone, package_id=package)
    token = AnnounceToken.objects.get(device=phone).token
    assert (bought.state, same.jws, further.device) == ("active", before.jws, phone)
    assert membership_of(token) is not None
    assert package in queries.entitled_packages()
    assert package in {purchase.package_id for purchase in queries.library_of(ada)}
    assert queries.may_review(ada, listing.pk)
    assert [event.kind for event in EntitlementEvent.objects.all()] == ["granted"]


def test_an_erased_seller_leaves_no_name_and_sells_nothing(client: Client) -> None:
    listing = sell(title="밤의 노래")
    seller, ada = listing.seller, make_person()
    EmailAddress.objects.create(user=seller, email=seller.email, verified=True, primary=True)
    log_in_device(seller)
    buy(ada, listing)
    name, slug, email = seller.seller.name, seller.seller.slug, seller.email
    client.force_login(seller)

    call_command("erase_account", email, "--yes")

    row = User.objects.get(pk=seller.pk)
    shop_front = Seller.objects.get(user=row)
    listing.refresh_from_db()
    assert (row.is_active, row.display_name, row.has_usable_password()) == (False, "", False)
    assert row.email.endswith("@erased.invalid")
    assert (shop_front.name, listing.status, listing.search_text) == (
        FORMER_SELLER, "withdrawn", "",
    )  # fmt: skip
    assert not EmailAddress.objects.filter(user=row).exists()
    assert list(Device.objects.filter(user=row).values_list("name", "last_address")) == [("", None)]
    assert not Device.objects.filter(user=row, removed_at__isnull=True).exists()
    [shown] = queries.library_of(ada)
    assert (shown.title, shown.seller, shown.active) == ("밤의 노래", FORMER_SELLER, True)
    assert client.get("/studio/").status_code == 302
    assert not client.login(username=email, password=PASSWORD)
    for path in (f"/s/{slug}/", f"/l/{listing.pk}/"):
        page = client.get(path)
        assert page.status_code == 404
        assert name not in page.content.decode()
    client.force_login(ada)
    library = client.get("/library/").content.decode()
    assert FORMER_SELLER in library
    assert name not in library


def test_an_erased_buyer_keeps_what_the_books_need() -> None:
    ada = make_person()
    bought = buy(ada, sell())

    call_command("erase_account", ada.email, "--yes")

    assert Entitlement.objects.get(pk=bought.pk).user.email.endswith("@erased.invalid")


def test_nothing_is_erased_without_a_word_or_while_money_is_owed() -> None:
    listing = sell()
    email = listing.seller.email
    with pytest.raises(CommandError, match="add --yes"):
        call_command("erase_account", email)
    with pytest.raises(CommandError, match="Nobody has an account"):
        call_command("erase_account", "nobody@example.org", "--yes")
    ledger.post(
        kind=EntryKind.CHARGE, source="charge:1", at=timezone.now(),
        lines=[
            Line(chart.clearing("KRW"), 9_900), Line(chart.seller(listing.seller_id, "KRW"), -9_900),
        ],
    )  # fmt: skip

    with pytest.raises(CommandError, match="The balance of this seller is ₩9,900"):
        call_command("erase_account", email, "--yes")

    assert User.objects.get(pk=listing.seller_id).email == email
    listing.refresh_from_db()
    assert listing.status == "on_sale"
