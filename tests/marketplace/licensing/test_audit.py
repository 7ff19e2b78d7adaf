from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from drm.encoding import from_b64u
from drm.keys import IdentityPublicKey
from drm.signed import document_hash
from marketplace.accounts.models import Device
from marketplace.licensing import auditing, services
from marketplace.licensing.errors import LicenceNotFoundError, ProofNotReadyError
from marketplace.licensing.models import AuditEntry, AuditHead, Licence
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.licensing.test_races import RIVALS, at_once
from tests.marketplace.trade import buy, log_in_device, make_person, sell

DAY = dt.timedelta(days=1)
INSERTED = (
    "INSERT INTO licensing_auditentry"
    " SELECT 2, body, document, leaf, chain FROM licensing_auditentry LIMIT 1"
)


def _issued() -> tuple[Licence, Device]:
    ada = make_person()
    package = buy(ada, sell()).package_id
    thumbprint = log_in_device(ada).identity.public.thumbprint
    device = Device.objects.get(thumbprint=thumbprint)
    now = timezone.now()
    return services.licence_for(user=ada, device=device, package_id=package, now=now), device


def _sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
def test_what_is_given_and_taken_back_is_entered_and_proved() -> None:
    licence, device = _issued()
    ada = device.user
    with pytest.raises(ProofNotReadyError):
        services.audit_proofs(user=ada, device=device, licence_id=licence.pk)
    order = licence.entitlement.order_id
    assert order is not None
    services.revoke(order_id=order, cause="refund:1", now=timezone.now())
    services.restore(order_id=order, cause="back:1", now=timezone.now() + DAY)

    proof, under = services.audit_proofs(user=ada, device=device, licence_id=licence.pk)

    assert proof.verify(licence.jws, issuer_public=packaging.issuer().key.public).tree_size == 3
    root_key, _certificates = packaging.shop_document_keys()
    root = IdentityPublicKey.from_bytes(from_b64u(root_key))
    assert under is not None
    assert under.verify_checkpoint(licence.jws, root_public=root).tree_size == 3
    bodies = [entry.body for entry in AuditEntry.objects.all()]
    kinds = ["granted", "licence", "refunded", "restored"]
    assert [f'"kind":"{k}"' in b for k, b in zip(kinds, bodies, strict=True)] == [True] * 4
    assert list(auditing.faults()) == []
    with pytest.raises(LicenceNotFoundError):
        services.audit_proofs(user=make_person("eve"), device=device, licence_id=licence.pk)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE licensing_auditentry SET body = '{}' WHERE \"index\" = 1", "Entry 1 was changed"),
        ('DELETE FROM licensing_auditentry WHERE "index" = 0', "Entry 0 is missing"),
        ('DELETE FROM licensing_auditentry WHERE "index" = 1', "covers entries that are missing"),
        ('UPDATE licensing_auditentry SET "index" = 9 - "index"', "Entry 0 is missing"),
        (
            INSERTED,
            "Entry 2 does not follow",
        ),
        ("UPDATE licensing_audithead SET jws = 'a.b.c'", "Head 2 is not signed"),
        ("UPDATE licensing_licence SET jws = 'another'", "does not stand in the log"),
    ],
)
def test_every_kind_of_rewriting_is_found(change: str, fault: str) -> None:
    _issued()
    auditing.sign_log(now=timezone.now())
    _sql(change)

    assert any(fault in found for found in auditing.faults())
    with pytest.raises(CommandError, match="faults"):
        call_command("audit", "verify")


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["save", "delete", "update", "delete many"])
def test_the_log_is_never_rewritten_from_here(way: str) -> None:
    _issued()
    entry, rows = AuditEntry.objects.all()[0], AuditEntry.objects.all()
    ways: dict[str, Callable[[], object]] = {
        "save": entry.save,
        "delete": entry.delete,
        "update": lambda: rows.update(body=""),
        "delete many": rows.delete,
    }
    with pytest.raises(TypeError, match="never"):
        ways[way]()


@pytest.mark.django_db
def test_licences_older_than_the_log_are_entered_as_imported() -> None:
    licence, _device = _issued()
    _sql("DELETE FROM licensing_auditentry")

    importlib.import_module("marketplace.licensing.migrations.0003_audit_log").import_licences(
        apps, None
    )

    entry = AuditEntry.objects.get()
    assert '"kind":"imported"' in entry.body
    assert entry.document == document_hash(licence.jws)
    assert list(auditing.faults()) == []


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_rivals_make_one_chain() -> None:
    ada = make_person()
    packages = [buy(ada, sell()).package_id for _ in range(RIVALS)]
    device, now = FakeSeeder().log_in(ada), timezone.now() + DAY

    at_once(
        lambda number: (
            services.licence_for(user=ada, device=device, package_id=packages[number], now=now).pk
        )
    )

    assert AuditEntry.objects.count() == 2 * RIVALS
    assert AuditHead.objects.count() == 1
    assert list(auditing.faults()) == []
