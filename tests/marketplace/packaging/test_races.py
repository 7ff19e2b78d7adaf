"""Rivals on a real PostgreSQL: two who need a key, two who publish, one who adds a file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.utils import timezone

from marketplace.packaging import services
from marketplace.packaging.errors import DraftClosedError
from marketplace.packaging.models import PackageDraft, SigningKey, Upload
from marketplace.packaging.uploads import begin_upload

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


T = TypeVar("T")


def _at_once(*works: Callable[[], T]) -> list[T]:
    start = threading.Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        start.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(run, work) for work in works]]


def test_who_needs_an_issuer_at_the_same_time_gets_the_same_one() -> None:
    now = timezone.now()

    issuers = _at_once(*[lambda: services.issuer(now=now)] * 4)

    assert len({issuer.kid for issuer in issuers}) == 1
    assert SigningKey.objects.count() == 2


def test_of_two_who_publish_one_queues(draft: PackageDraft, add: Callable[..., Upload]) -> None:
    add()

    def queue() -> bool:
        return services.queue_sealing(draft_id=draft.pk, owner=draft.owner, may_save=False)

    assert sorted(_at_once(queue, queue)) == [False, True]


def test_a_file_that_comes_while_the_draft_is_being_closed_waits_and_is_refused(
    draft: PackageDraft, add: Callable[..., Upload]
) -> None:
    add()
    closing, done = threading.Event(), threading.Event()

    def close() -> str:
        with transaction.atomic():
            services.queue_sealing(draft_id=draft.pk, owner=draft.owner, may_save=False)
            closing.set()
            # The rival has this long to slip in before the commit.
            done.wait(0.5)
        return "closed"

    def begin() -> str:
        closing.wait(5)
        try:
            begin_upload(owner=draft.owner, draft_id=draft.pk, name="b.flac", size=10)
        except DraftClosedError:
            return "refused"
        finally:
            done.set()
        return "begun"

    assert _at_once(close, begin) == ["closed", "refused"]
    assert draft.uploads.count() == 1
