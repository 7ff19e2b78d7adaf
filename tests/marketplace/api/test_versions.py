"""A later version through the API: its own manifest, torrent and licence."""

from __future__ import annotations

import pytest

from drm.licence import peek_licence
from drm.manifest import package_id
from marketplace.catalog.models import Listing
from marketplace.packaging import services as packaging
from seeder.torrents import read_metainfo
from tests.marketplace.api.calling import call, make_world
from tests.marketplace.trade import FLAC, sell_next

pytestmark = pytest.mark.django_db


def test_each_version_has_papers_of_its_own() -> None:
    world = make_world()
    listing = Listing.objects.get(pk=world.listing.pk)
    second = sell_next(listing, data=FLAC + b"a second master").package_id

    for package in (world.package, second):
        address = f"/api/v1/packages/{package}"
        manifest = call(world.desk, "GET", f"{address}/manifest")
        assert (manifest.status_code, package_id(manifest.content)) == (200, package)
        assert read_metainfo(call(world.desk, "GET", f"{address}/torrent").content).name == package
        licence = call(world.desk, "POST", f"{address}/licence").json()["licence"]
        issuer = packaging.issuer().key.public
        assert peek_licence(licence, issuer_public=issuer).package_id == package
