from __future__ import annotations

import pytest
from django.test import Client

from marketplace.accounts.models import User
from tests.marketplace.catalog.making import make_seller, put_on_sale

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
