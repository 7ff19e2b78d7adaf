"""What the operator sees of purchases and torrents: no secret, and nothing to change."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.distribution import services as distribution
from marketplace.distribution.models import AnnounceToken, OriginState, Torrent
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement, Licence
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_swarms")]


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.org", "pw"))
    return client


def test_the_operator_reads_everything_but_secrets_and_changes_nothing(operator: Client) -> None:
    ada = make_person()
    entitlement = buy(ada, sell())
    device = FakeSeeder().log_in(ada)
    package = entitlement.package_id
    licence = licensing.licence_for(user=ada, device=device, package_id=package, now=timezone.now())
    distribution.torrent_for_device(user=ada, device=device, package_id=package)
    origin = OriginState.objects.create(
        package_id=package, state="seeding", updated_at=timezone.now()
    )
    torrent = Torrent.objects.get()
    secrets = [licence.jws, AnnounceToken.objects.get().token]
    pages = [
        ("licensing", "entitlement", entitlement.pk),
        ("licensing", "licence", licence.pk),
        ("distribution", "torrent", torrent.pk),
        ("distribution", "originstate", origin.pk),
    ]

    for app, model, pk in pages:
        listing = operator.get(f"/admin/{app}/{model}/")
        page = operator.get(f"/admin/{app}/{model}/{pk}/change/")
        search = operator.get(f"/admin/{app}/{model}/?q=x")
        assert (listing.status_code, page.status_code, search.status_code) == (200, 200, 200)
        assert not any(secret in page.content.decode() for secret in secrets)
        assert operator.get(f"/admin/{app}/{model}/add/").status_code == 403
        assert (
            operator.post(f"/admin/{app}/{model}/{pk}/delete/", {"post": "yes"}).status_code == 403
        )
        assert operator.post(f"/admin/{app}/{model}/{pk}/change/", {}).status_code == 403

    assert (Entitlement.objects.count(), Licence.objects.count()) == (1, 1)
