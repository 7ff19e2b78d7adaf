"""The operator reads the books; nobody writes them by hand."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.money import Money
from marketplace.ledger import services
from marketplace.ledger.models import Account, Entry

pytestmark = pytest.mark.django_db


def test_the_books_are_read_only_in_the_admin() -> None:
    operator = User.objects.create_superuser("op@example.org", "x")
    entry = services.grant_credit(
        user_id=uuid.uuid4(),
        amount=Money(1_250, "USD"),
        source="gift",
        at=timezone.now(),
        reason="sorry",
    )
    client = Client()
    client.force_login(operator)

    entries = client.get("/admin/ledger/entry/").content.decode()
    one = client.get(f"/admin/ledger/entry/{entry.pk}/change/").content.decode()
    accounts = client.get("/admin/ledger/account/").content.decode()
    account = Account.objects.get(kind="credit")
    shown = client.get(f"/admin/ledger/account/{account.pk}/change/").content.decode()

    assert "gift" in entries
    assert "−$12.50" in one
    assert account.code in one
    assert "$12.50" in accounts
    assert account.code in shown
    assert client.get("/admin/ledger/entry/add/").status_code == 403
    for path in (f"entry/{entry.pk}", f"account/{account.pk}"):
        assert client.post(f"/admin/ledger/{path}/change/", {"memo": "x"}).status_code == 403
        assert client.post(f"/admin/ledger/{path}/delete/", {"post": "yes"}).status_code == 403
    assert Entry.objects.get().memo == "sorry"
