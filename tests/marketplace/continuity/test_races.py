"""Rivals on threads of their own: one secret, one document, one recovery key."""

from __future__ import annotations

import pytest
from django.utils import timezone

from drm.recovery import RecoveryKey as Paper
from marketplace.continuity import services
from marketplace.continuity.models import ActivationKey, RecoveryKey, UnlockDocument
from marketplace.continuity.secret import activation_secret
from marketplace.licensing.models import AuditEntry
from tests.marketplace.continuity.paper import device_of, public_parts
from tests.marketplace.licensing.test_races import RIVALS, at_once
from tests.marketplace.trade import buy, log_in_device, make_person, sell

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_rivals_find_one_secret() -> None:
    found = at_once(lambda _number: activation_secret(now=timezone.now()).to_bytes())

    assert len(set(found)) == 1
    assert ActivationKey.objects.count() == 1


def test_rivals_of_one_device_get_one_document() -> None:
    ada = make_person()
    buy(ada, sell())
    desk = device_of(log_in_device(ada))

    answers = at_once(
        lambda _number: services.unlock_documents(user=ada, device=desk, now=timezone.now())
    )

    assert len({answer.documents for answer in answers}) == 1
    assert UnlockDocument.objects.count() == 1
    assert AuditEntry.objects.filter(body__contains='"kind":"unlock"').count() == 1


def test_rivals_register_one_paper_after_the_other() -> None:
    ada = make_person()
    papers = [Paper(bytes([number]) * 32) for number in range(RIVALS)]

    at_once(
        lambda number: services.register_recovery_key(
            user=ada, keys=public_parts(paper=papers[number]), now=timezone.now()
        )
    )

    assert RecoveryKey.objects.count() == 1
    assert AuditEntry.objects.filter(body__contains='"recovery_key"').count() == RIVALS
