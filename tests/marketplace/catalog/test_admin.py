from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.test import Client

from marketplace.accounts.models import User
from marketplace.catalog import services
from marketplace.catalog.models import EditionCopy, SalePeriod
from marketplace.catalog.types import BundleDetails
from marketplace.core.money import Money
from tests.marketplace.catalog.making import NOW, make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db


def test_an_operator_reads_listings_and_changes_none(client: Client) -> None:
    listing = put_on_sale(make_seller())
    client.force_login(User.objects.create_superuser("operator@example.org"))

    table = client.get("/admin/catalog/listing/?q=seller")
    one = client.get(f"/admin/catalog/listing/{listing.pk}/change/")
    change = client.post(f"/admin/catalog/listing/{listing.pk}/change/", {"title": "mine"})

    assert "밤의 노래" in table.content.decode()
    assert one.status_code == 200
    assert change.status_code == 403
    assert client.get("/admin/catalog/listing/add/").status_code == 403


@pytest.mark.parametrize("table", ["saleperiod", "editioncopy", "bundle"])
def test_an_operator_reads_prices_and_changes_none(client: Client, table: str) -> None:
    seller = make_seller()
    one, two = (put_on_sale(seller, make_details(title=title)) for title in ("one", "two"))
    rows = {
        "saleperiod": SalePeriod.objects.create(
            listing=one,
            price_minor=9_000,
            currency="KRW",
            starts_at=NOW,
            ends_at=NOW + dt.timedelta(days=1),
            zone="Asia/Seoul",
        ),
        "editioncopy": EditionCopy.objects.create(
            listing=one, order_id=uuid.uuid4(), number=1, taken_at=NOW
        ),
        "bundle": services.create_bundle(
            seller=seller,
            details=BundleDetails(
                title="both",
                description="",
                price=Money(20_000, "KRW"),
                listing_ids=(one.pk, two.pk),
            ),
        ),
    }
    client.force_login(User.objects.create_superuser("operator@example.org"))
    address = f"/admin/catalog/{table}/"

    assert client.get(address + "?q=o").status_code == 200
    assert client.get(f"{address}{rows[table].pk}/change/").status_code == 200
    assert client.post(f"{address}{rows[table].pk}/change/", {}).status_code == 403
    assert client.get(address + "add/").status_code == 403
