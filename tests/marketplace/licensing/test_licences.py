from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from drm.encoding import b64u, from_b64u
from drm.errors import OtherDeviceError, RightAbsentError
from drm.issuer import verify_issuer_certificate
from drm.keys import IdentityPublicKey, SealingKey, sign_sealing_key
from drm.licence import OpenedLicence, open_licence
from drm.status import verify_status
from marketplace.accounts import services as accounts
from marketplace.accounts.errors import DeviceNotFoundError
from marketplace.accounts.models import Device, User
from marketplace.licensing import services
from marketplace.licensing.errors import (
    EntitlementNotFoundError,
    EntitlementRevokedError,
    KeyCommitmentError,
    LicenceNotFoundError,
)
from marketplace.licensing.models import Licence
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.models import ContentKey
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, log_in_device, make_person, make_seller, sell

pytestmark = pytest.mark.django_db

NONCE = "0123456789abcdef"


def _device(user: User, seeder: FakeSeeder) -> Device:
    return Device.objects.get(user=user, thumbprint=seeder.identity.public.thumbprint)


def _issuer() -> IdentityPublicKey:
    return packaging.issuer().key.public


def _licence(user: User, seeder: FakeSeeder, package_id: str) -> Licence:
    return services.licence_for(
        user=user, device=_device(user, seeder), package_id=package_id, now=timezone.now()
    )


def _open(licence: Licence, seeder: FakeSeeder, package_id: str, **more: object) -> OpenedLicence:
    return open_licence(
        licence.jws,
        issuer_public=_issuer(),
        identity=seeder.identity.public,
        sealing_key=seeder.sealing,
        package_id=package_id,
        manifest=packaging.manifest(package_id),
        now=timezone.now(),
        action=more.get("action", "play"),  # type: ignore[arg-type]  # one of the two actions
    )


def test_a_licence_opens_the_package_on_its_device() -> None:
    ada = make_person()
    package = buy(ada, sell()).package_id
    seeder = log_in_device(ada)

    licence = _licence(ada, seeder, package)

    opened = _open(licence, seeder, package)
    assert opened.content_key == packaging.content_key(package)
    assert opened.claims.licence_id == str(licence.pk)
    assert opened.claims.links == {
        "status": f"http://127.0.0.1:8000/api/v1/licences/{licence.pk}/status"
    }
    assert (opened.claims.not_before, opened.claims.expires) == (None, None)
    assert str(ada.pk) not in licence.jws


def test_a_licence_opens_on_no_other_device() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    package = buy(ada, sell()).package_id
    desk, thief = log_in_device(ada), log_in_device(eve)

    licence = _licence(ada, desk, package)

    with pytest.raises(OtherDeviceError):
        _open(licence, thief, package)


@pytest.mark.parametrize("may_save", [True, False])
def test_a_licence_grants_what_the_listing_did(may_save: bool) -> None:
    ada = make_person()
    package = buy(ada, sell(may_save=may_save)).package_id
    seeder = log_in_device(ada)

    licence = _licence(ada, seeder, package)

    if may_save:
        assert _open(licence, seeder, package, action="save").rights.save
    else:
        with pytest.raises(RightAbsentError):
            _open(licence, seeder, package, action="save")


def test_a_licence_asked_for_again_is_the_same_bytes() -> None:
    ada = make_person()
    package = buy(ada, sell()).package_id
    desk, phone = log_in_device(ada), log_in_device(ada)
    first = _licence(ada, desk, package)

    again, other = _licence(ada, desk, package), _licence(ada, phone, package)

    assert (again.pk, again.jws) == (first.pk, first.jws)
    assert other.pk != first.pk
    assert Licence.objects.count() == 2


def test_a_device_with_a_new_sealing_key_gets_its_licence_sealed_anew() -> None:
    ada = make_person()
    package = buy(ada, sell()).package_id
    seeder = log_in_device(ada)
    old = _licence(ada, seeder, package)
    seeder.sealing = SealingKey.generate()
    seeder.log_in(ada)

    new = _licence(ada, seeder, package)

    assert (new.pk, new.jws != old.jws) == (old.pk, True)
    assert _open(new, seeder, package).content_key == packaging.content_key(package)


def test_no_licence_without_a_purchase() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    package = buy(ada, sell()).package_id
    seeder = log_in_device(eve)

    with pytest.raises(EntitlementNotFoundError):
        _licence(eve, seeder, package)

    assert Licence.objects.count() == 0


def test_no_licence_after_a_refund_not_even_the_old_one() -> None:
    ada, order = make_person(), uuid.uuid4()
    package = buy(ada, sell(), order_id=order).package_id
    seeder = log_in_device(ada)
    _licence(ada, seeder, package)
    services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    with pytest.raises(EntitlementRevokedError, match="refunded"):
        _licence(ada, seeder, package)


def test_no_licence_for_a_removed_device_or_anothers() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    listing = sell()
    package = buy(ada, listing).package_id
    desk, evil = log_in_device(ada), log_in_device(eve)
    accounts.remove_device(user=ada, device_id=_device(ada, desk).pk, now=timezone.now())

    with pytest.raises(DeviceNotFoundError):
        _licence(ada, desk, package)
    with pytest.raises(DeviceNotFoundError):
        services.licence_for(
            user=ada, device=_device(eve, evil), package_id=package, now=timezone.now()
        )

    assert Licence.objects.count() == 0


def test_a_key_of_another_package_is_never_licensed() -> None:
    ada = make_person()
    seller = make_seller()
    one, two = sell(seller), sell(seller, title="낮의 노래")
    package = buy(ada, one).package_id
    seeder = log_in_device(ada)
    stolen = ContentKey.objects.get(package=two.package)
    ContentKey.objects.filter(package=one.package).update(wrapped=stolen.wrapped)

    with pytest.raises(CustodyError):
        _licence(ada, seeder, package)

    assert Licence.objects.count() == 0


def test_a_device_row_with_another_sealing_key_gets_nothing() -> None:
    ada = make_person()
    package = buy(ada, sell()).package_id
    seeder = log_in_device(ada)
    mine = SealingKey.generate().public
    Device.objects.filter(user=ada).update(sealing_key=b64u(mine.to_bytes()))

    with pytest.raises(KeyCommitmentError):
        _licence(ada, seeder, package)

    # A signature by another identity does not help either.
    forged = b64u(sign_sealing_key(FakeSeeder().identity, mine))
    Device.objects.filter(user=ada).update(sealing_key_signature=forged)
    with pytest.raises(KeyCommitmentError):
        _licence(ada, seeder, package)
    assert Licence.objects.count() == 0


def test_a_licence_is_issued_within_the_time_of_the_issuers_certificate() -> None:
    ada = make_person()
    package = buy(ada, sell()).package_id
    seeder = log_in_device(ada)
    licence = _licence(ada, seeder, package)

    root, [certificate] = packaging.shop_document_keys()
    issuer = verify_issuer_certificate(
        certificate, root_public=IdentityPublicKey.from_bytes(from_b64u(root))
    )

    issuer.require_issued_within(_open(licence, seeder, package).claims.issued_at)


def _status(user: User, seeder: FakeSeeder, licence: Licence) -> tuple[str, str]:
    now = timezone.now()
    jws = services.signed_status(
        device=_device(user, seeder), licence_id=licence.pk, nonce=NONCE, now=now
    )
    status = verify_status(
        jws, issuer_public=_issuer(), licence_id=str(licence.pk), nonce=NONCE, now=now
    )
    return status.status, status.message


def test_the_status_of_a_licence_turns_when_it_is_refunded() -> None:
    ada, order = make_person(), uuid.uuid4()
    package = buy(ada, sell(), order_id=order).package_id
    seeder = log_in_device(ada)
    licence = _licence(ada, seeder, package)
    before = _status(ada, seeder, licence)

    services.revoke(order_id=order, cause="refund:1", now=timezone.now())

    assert before == ("active", "This licence is valid.")
    status, message = _status(ada, seeder, licence)
    assert status == "revoked"
    assert "was refunded on" in message


def test_the_status_of_a_licence_is_told_to_its_device_alone() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    package = buy(ada, sell()).package_id
    desk, phone, evil = log_in_device(ada), log_in_device(ada), log_in_device(eve)
    licence = _licence(ada, desk, package)

    for user, seeder in [(ada, phone), (eve, evil)]:
        with pytest.raises(LicenceNotFoundError):
            _status(user, seeder, licence)
