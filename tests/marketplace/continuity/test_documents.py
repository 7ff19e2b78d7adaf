"""Unlock documents: what is owned for good, for each device and the paper, and nothing else."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from drm.errors import AuthenticationError
from drm.rights import LeaseTerms, Rights
from drm.signed import key_hint
from drm.unlock import ActivationSecret, open_unlock
from marketplace.accounts import services as accounts
from marketplace.accounts.errors import DeviceNotFoundError
from marketplace.continuity import queries, services
from marketplace.continuity.errors import RecoveryKeyError, RecoveryKeyNotFoundError
from marketplace.continuity.models import UnlockDocument
from marketplace.continuity.secret import activation_secret
from marketplace.licensing import services as licensing
from marketplace.licensing.models import AuditEntry, Entitlement
from marketplace.packaging import services as packaging
from marketplace.packaging.signing import LIFETIME
from tests.marketplace.continuity.paper import PAPER, device_of, public_parts, read
from tests.marketplace.trade import buy, log_in_device, make_person, sell

pytestmark = pytest.mark.django_db


def _granted(user: object, listing: object, *, kind: str, rights: dict[str, object]) -> None:
    licensing.grant(
        user=user,  # type: ignore[arg-type]  # as the tests make them
        listing_id=listing.pk,  # type: ignore[attr-defined]
        package_id=listing.package_id,  # type: ignore[attr-defined]
        order_id=uuid.uuid4(),
        rights=rights,
        kind=kind,
        now=timezone.now(),
    )


def test_what_is_bought_opens_on_the_device_after_the_activation_and_not_before() -> None:
    ada, listing = make_person(), sell(may_save=True)
    buy(ada, listing)
    seeder = log_in_device(ada)

    answer = services.unlock_documents(user=ada, device=device_of(seeder), now=timezone.now())

    [(recipient, jws)] = answer.documents
    unlock = read(jws)
    assert recipient == unlock.recipient == seeder.identity.public.thumbprint
    assert [grant.title for grant in unlock.grants] == ["밤의 노래"]
    assert listing.package_id is not None

    def opened(secret: ActivationSecret) -> object:
        return open_unlock(
            unlock,
            package_id=listing.package_id or "",
            manifest=packaging.manifest(listing.package_id or ""),
            identity=seeder.identity.public,
            sealing_key=seeder.sealing,
            secret=secret,
            action="save",
        ).content_key

    assert opened(activation_secret(now=timezone.now())) == packaging.content_key(
        listing.package_id
    )
    with pytest.raises(AuthenticationError):
        opened(ActivationSecret.generate())


def test_only_what_is_owned_for_good_is_named() -> None:
    ada = make_person()
    bought, refunded, rented = sell(title="mine"), sell(title="refunded"), sell(title="rented")
    given, lent = sell(title="given"), sell(title="lent to me")
    buy(ada, bought)
    order_id = uuid.uuid4()
    buy(ada, refunded, order_id=order_id)
    licensing.revoke(order_id=order_id, cause="refund:1", now=timezone.now())
    leased = Rights(play=True, lease=LeaseTerms(duration=60)).to_claims()
    _granted(ada, rented, kind="rental", rights=leased)
    _granted(ada, given, kind="gift", rights={"play": True})
    _granted(ada, lent, kind="loan", rights=leased)

    answer = services.unlock_documents(
        user=ada, device=device_of(log_in_device(ada)), now=timezone.now()
    )

    titles = {grant.title for grant in read(answer.documents[0][1]).grants}
    assert titles == {"mine", "given"}
    assert {purchase.title for purchase in queries.kept_for_good(ada)} == titles


def test_what_is_lent_out_stays_its_owners() -> None:
    # The loan cannot be renewed without the shop: it ends, and the owner has it again.
    ada, listing = make_person(), sell()
    buy(ada, listing)
    Entitlement.objects.update(state="lent")

    answer = services.unlock_documents(
        user=ada, device=device_of(log_in_device(ada)), now=timezone.now()
    )

    assert [grant.title for grant in read(answer.documents[0][1]).grants] == [listing.title]


def test_asked_again_it_is_the_same_until_something_changes() -> None:
    ada, listing, order_id = make_person(), sell(), uuid.uuid4()
    buy(ada, listing, order_id=order_id)
    desk = device_of(log_in_device(ada))

    def documents() -> dict[str, str]:
        answer = services.unlock_documents(user=ada, device=desk, now=timezone.now())
        return dict(answer.documents)

    first = documents()
    logged = AuditEntry.objects.count()
    assert documents() == first
    assert AuditEntry.objects.count() == logged

    licensing.revoke(order_id=order_id, cause="refund:1", now=timezone.now())
    later = documents()

    assert later != first
    assert read(later[desk.thumbprint]).grants == ()
    assert UnlockDocument.objects.count() == 1


def test_the_paper_gets_a_document_of_its_own_and_its_owner_a_mail(
    django_capture_on_commit_callbacks: object,
) -> None:
    ada = make_person()
    buy(ada, sell())
    desk = device_of(log_in_device(ada))

    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    answer = services.unlock_documents(user=ada, device=desk, now=timezone.now())

    assert [name for name, _jws in answer.documents] == [
        desk.thumbprint,
        PAPER.identity.public.thumbprint,
    ]
    assert read(answer.documents[1][1]).recipient == PAPER.identity.public.thumbprint
    [sent] = mail.outbox[-1:]
    assert sent.to == [ada.email]
    assert "/accounts/recovery/" in sent.body


def test_the_same_key_again_changes_nothing_and_another_replaces_it() -> None:
    ada = make_person()
    desk = device_of(log_in_device(ada))
    first = services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    again = services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    services.unlock_documents(user=ada, device=desk, now=timezone.now())

    other = services.register_recovery_key(
        user=ada, keys=public_parts(suite="X-Wing"), now=timezone.now()
    )

    assert (first.pk, first.registered_at) == (again.pk, again.registered_at)
    assert other.pk != first.pk
    answer = services.unlock_documents(user=ada, device=desk, now=timezone.now())
    assert read(answer.documents[1][1]).claims["wrapped_keys"]["suite"] == "X-Wing"
    services.forget_recovery_key(user=ada, now=timezone.now())
    answer = services.unlock_documents(user=ada, device=desk, now=timezone.now())
    assert len(answer.documents) == 1
    with pytest.raises(RecoveryKeyNotFoundError):
        services.forget_recovery_key(user=ada, now=timezone.now())


@pytest.mark.parametrize(
    "change",
    [
        {"identity_key": "AAAA"},
        {"sealing_suite": "ROT13"},
        {"sealing_key": "A" * 43},
        {"sealing_key_signature": "A" * 86},
    ],
)
def test_keys_that_do_not_vouch_for_each_other_are_refused(change: dict[str, Any]) -> None:
    ada = make_person()

    with pytest.raises(RecoveryKeyError):
        services.register_recovery_key(user=ada, keys=public_parts(**change), now=timezone.now())

    assert queries.recovery_key_of(ada) is None


def test_a_removed_device_gets_nothing_more() -> None:
    ada = make_person()
    desk = device_of(log_in_device(ada))
    accounts.remove_device(user=ada, device_id=desk.pk, now=timezone.now())

    with pytest.raises(DeviceNotFoundError):
        services.unlock_documents(user=ada, device=desk, now=timezone.now())

    assert not UnlockDocument.objects.exists()


def test_every_document_stands_in_the_audit_log() -> None:
    ada = make_person()
    buy(ada, sell())
    desk = device_of(log_in_device(ada))

    services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    services.unlock_documents(user=ada, device=desk, now=timezone.now() + dt.timedelta(seconds=1))

    kinds = [entry.body.split('"kind":"')[1].split('"')[0] for entry in AuditEntry.objects.all()]
    assert kinds.count("unlock") == 2
    assert kinds.count("recovery_key") == 1
    assert (
        PAPER.identity.public.thumbprint
        in AuditEntry.objects.get(body__contains='"recovery_key"').body
    )


def test_a_document_by_a_retired_issuer_is_signed_anew() -> None:
    # A device does not believe what it has not kept and a retired issuer has signed.
    ada = make_person()
    buy(ada, sell())
    device = device_of(log_in_device(ada))
    [(_name, before)] = services.unlock_documents(
        user=ada, device=device, now=timezone.now()
    ).documents

    later = timezone.now() + LIFETIME + dt.timedelta(days=1)
    [(_name, after)] = services.unlock_documents(user=ada, device=device, now=later).documents

    assert key_hint(after) != key_hint(before)
    again = services.unlock_documents(user=ada, device=device, now=later)
    assert again.documents[0][1] == after
