"""The real shop and the real seeder: a root that goes offline, is changed, and a log that grows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from drm.errors import OnlineNeededError
from drm.signed import key_hint
from marketplace.licensing import auditing
from marketplace.packaging import services as packaging
from seeder.client import ShopClient, fetch_shop, make_http
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.papers import Papers
from seeder.proofs import prove
from seeder.shops import Shop, pin_shop
from seeder.stored import believe_held, believe_new, mark_stored
from seeder.tokens import Tokens
from seeder.trust import certified_licence
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, log_in_device, make_person, sell

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEOBUK_ROOT_PASSPHRASE", "GEOBUK_NEW_ROOT_PASSPHRASE"):
        monkeypatch.setenv(name, "correct horse battery staple")


class _Wire(httpx.BaseTransport):
    """Straight into the shop, in the transaction of the test."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = Client().generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("Content-Type", ""),
            headers=dict(request.headers),
        )
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.content
        )


def _fetch(folder: ShopFolder, wire: httpx.BaseTransport) -> Shop:
    with make_http(settings.SITE_URL, wire) as http:
        return pin_shop(folder, fetch_shop(settings.SITE_URL, http=http))


def _client(
    shop: Shop, folder: ShopFolder, seeder: FakeSeeder, wire: httpx.BaseTransport
) -> ShopClient:
    device = DeviceKeys(name="desk", identity=seeder.identity, sealing=seeder.sealing)
    tokens = Tokens(seeder.access_token, seeder.refresh_token, timezone.now() + DAY)
    tokens.store(folder)
    return ShopClient(shop, folder, device, transport=wire)


def _root(*arguments: object) -> None:
    call_command("root", *map(str, arguments), verbosity=0)


def test_the_seeder_goes_along_with_its_shop(tmp_path: Path) -> None:
    # Given a buyer with a licence, at a shop with its root in the database.
    ada, wire = make_person(), _Wire()
    package = buy(ada, sell()).package_id
    seeder = log_in_device(ada)
    folder = ShopFolder(tmp_path / "seeder")
    shop, now = _fetch(folder, wire), timezone.now()
    pinned = shop.root_public
    papers = Papers(folder, package, thumbprint=seeder.identity.public.thumbprint, shop=shop)
    with _client(shop, folder, seeder, wire) as client:
        jws = client.licence(package)
        claims = believe_new(jws, papers, shop, client, now=now)
        papers.keep_licence(jws)
        mark_stored(jws, papers, identity=seeder.identity)
        auditing.sign_log(now=timezone.now())
        first = prove(client, shop, folder, jws, id_=claims.licence_id)
        assert first.under_root is not None

        # When the root goes offline, a stolen issuer is retired, and the root is changed.
        old, new = tmp_path / "root.json", tmp_path / "new.json"
        _root("export", old, "--wipe", "--issuers", 1)
        stolen = packaging.issuer().kid
        _root("request", tmp_path / "ask.json", "--issuers", 1, "--retire", stolen)
        _root("create", new)
        _root("change", old, new, tmp_path / "ask.json", tmp_path / "answer.json", "--yes")
        _root("accept", tmp_path / "answer.json")
        client.renew_shop()
        shop = client.shop

        # Then the seeder follows; what it holds opens, and the thief's licence does not.
        assert key_hint(shop.root_changes[0]) == pinned.thumbprint != shop.root_public.thumbprint
        assert shop.ring.retired.keys() == {stolen}
        assert believe_held(jws, papers, shop, identity=seeder.identity, now=now) == claims
        papers.licence_file.with_suffix(".stored").unlink()
        with pytest.raises(OnlineNeededError):
            believe_held(jws, papers, shop, identity=seeder.identity, now=now)
        again = client.licence(package)
        assert certified_licence(again, shop)[1].kid == packaging.issuer().kid != stolen
        believe_new(again, papers, shop, client, now=timezone.now())

        # And the log goes on, under the new root.
        auditing.sign_log(now=timezone.now())
        _root("request", tmp_path / "ask2.json", "--issuers", 0)
        _root("sign", new, tmp_path / "ask2.json", tmp_path / "answer2.json", "--yes")
        _root("accept", tmp_path / "answer2.json")
        second = prove(client, shop, folder, again, id_=claims.licence_id)
        assert second.log.before == first.log.head
        assert second.under_root is not None
