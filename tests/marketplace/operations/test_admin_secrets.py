"""No page of the admin, of any model that it shows, holds key material in any spelling."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.continuity.secret import activation_key
from marketplace.distribution import services as distribution
from marketplace.licensing import services as licensing
from marketplace.packaging import custody, services
from marketplace.packaging.models import ContentKey, Deposit, Package, SigningKey
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, folders, make_person, sell

__all__ = ["folders"]

pytestmark = pytest.mark.django_db
PART = 12  # characters of a key that count as shown, at its beginning and its end


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "pw"))
    return client


@pytest.fixture
def secrets() -> list[bytes]:
    """A trade, and everything secret that it left: keys plain and wrapped."""
    ada = make_person()
    package = buy(ada, sell()).package_id
    device = FakeSeeder().log_in(ada)
    licensing.licence_for(user=ada, device=device, package_id=package, now=timezone.now())
    distribution.torrent_for_device(user=ada, device=device, package_id=package)
    activation_key(now=timezone.now())
    services.rotate_master_key(say=lambda _: None)

    rows = list(SigningKey.objects.all())
    found = [key.to_bytes() for key in custody.master_keys()]
    found += [services.content_key(package.pk).to_bytes() for package in Package.objects.all()]
    found += [custody.open_identity_row(row).to_bytes() for row in rows]
    found += [bytes(row.wrapped) for row in rows]
    found += [bytes(row.wrapped) for row in ContentKey.objects.all()]
    for kind in Deposit.__subclasses__():
        for row in kind.objects.all():
            found += [bytes(row.wrapped), custody.open_deposit(row)]
    return found


def _spellings(secret: bytes) -> Iterator[str]:
    whole = [
        secret.hex(),
        secret.hex().upper(),
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
        base64.b32encode(secret).decode().rstrip("="),
    ]
    for text in whole:
        yield from (text[:PART], text[-PART:])
    yield repr(secret)[2 : 2 + PART]
    yield ", ".join(map(str, secret[:6]))


def _pages(model: type[models.Model]) -> Iterator[str]:
    root = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    yield root
    yield f"{root}?q=a"
    for row in model._default_manager.all()[:20]:
        yield f"{root}{row.pk}/change/"
        yield f"{root}{row.pk}/history/"
        yield f"{root}{row.pk}/delete/"


def test_no_page_of_the_admin_shows_a_key(operator: Client, secrets: list[bytes]) -> None:
    forbidden = {spelling for secret in secrets for spelling in _spellings(secret)}
    shown, changed = 0, set()
    assert len(secrets) >= 9

    for model in admin.site._registry:
        for url in ("/admin/", *_pages(model)):
            answer = operator.get(url)
            assert answer.status_code in {200, 403}, url
            text = answer.content.decode()
            assert not [part for part in forbidden if part in text], url
            shown += answer.status_code == 200
            if url.endswith("/change/") and answer.status_code == 200:
                changed.add(model._meta.label_lower)

    assert shown > 2 * len(admin.site._registry)
    assert {"licensing.licence", "accounts.device", "catalog.listing", "accounts.user"} <= changed


def test_no_model_that_keeps_keys_is_in_the_admin() -> None:
    keeps = {
        model
        for model in admin.site._registry
        for field in model._meta.get_fields()
        if field.name == "wrapped"
    }

    assert keeps == set()


def test_the_search_would_find_a_key(operator: Client, secrets: list[bytes]) -> None:
    """The search above is no search in vain: a key that is put on a page is found there."""
    secret = secrets[0]
    User.objects.create_user(f"{secret.hex()}@example.org", "pw")

    text = operator.get("/admin/accounts/user/").content.decode()

    assert [part for part in _spellings(secret) if part in text]
