"""Licences of several versions: each opens its own, for ever."""

from __future__ import annotations

import pytest
from django.utils import timezone

from drm.errors import OtherContentError
from drm.licence import OpenedLicence, open_licence
from drm.package import open_file
from marketplace.accounts.models import Device
from marketplace.licensing import services
from marketplace.licensing.errors import EntitlementNotFoundError
from marketplace.licensing.models import Licence
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import FLAC, buy, log_in_device, make_person, sell, sell_next

pytestmark = pytest.mark.django_db
SECOND = FLAC + b"a second master"


def _licence(seeder: FakeSeeder, package_id: str) -> Licence:
    device = Device.objects.get(thumbprint=seeder.identity.public.thumbprint)
    return services.licence_for(
        user=device.user, device=device, package_id=package_id, now=timezone.now()
    )


def _open(licence: Licence, seeder: FakeSeeder, package_id: str) -> OpenedLicence:
    return open_licence(
        licence.jws,
        issuer_public=packaging.issuer().key.public,
        identity=seeder.identity.public,
        sealing_key=seeder.sealing,
        package_id=package_id,
        manifest=packaging.manifest(package_id),
        now=timezone.now(),
        action="play",
    )


def _content(opened: OpenedLicence, package_id: str) -> bytes:
    manifest = packaging.manifest(package_id)
    with (packaging.store_folder(package_id) / "00000").open("rb") as file:
        return open_file(manifest, 0, file, key=opened.content_key).read(len(SECOND))


def test_the_old_licence_goes_on_opening_the_old_version_and_a_new_one_the_new() -> None:
    ada, listing = make_person(), sell()
    desk, first = log_in_device(ada), listing.package_id
    assert first is not None
    buy(ada, listing)
    before = _licence(desk, first)

    second = sell_next(listing, data=SECOND).package_id
    assert second is not None
    after, new = _licence(desk, first), _licence(desk, second)

    assert (after.pk, after.jws) == (before.pk, before.jws)
    assert Licence.objects.count() == 2
    assert _content(_open(before, desk, first), first) == FLAC
    assert _content(_open(new, desk, second), second) == SECOND
    for licence, other in ((before, second), (new, first)):
        with pytest.raises(OtherContentError):
            _open(licence, desk, other)


def test_the_second_version_alone_gives_no_licence_of_the_first() -> None:
    ada, listing = make_person(), sell()
    desk, first = log_in_device(ada), listing.package_id
    assert first is not None
    buy(ada, sell_next(listing, data=SECOND))

    with pytest.raises(EntitlementNotFoundError):
        _licence(desk, first)
