"""Receipts on threads of their own: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

import pytest

from marketplace.distribution.errors import ReceiptsBrokenError
from marketplace.distribution.models import Receipt, ReceiptChain
from tests.marketplace.distribution.receipting import Crowd, chain_id
from tests.marketplace.licensing.test_races import RIVALS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_of_rival_successors_one_is_taken() -> None:
    crowd = Crowd()
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    ada.says()
    documents = [ada.document(got={ben.label: 1000 + number}) for number in range(RIVALS)]

    def hand_in(number: int) -> int:
        try:
            return ada.hand_in(documents[number]).counted
        except ReceiptsBrokenError:
            return 0

    taken = at_once(hand_in)

    assert sum(taken) == 1
    assert Receipt.objects.get().bytes == 1000 + taken.index(1)
    chain = ReceiptChain.objects.get(device=ada.device)
    assert (chain.sequence, chain.broken) == (2, "fork")


def test_one_document_from_all_sides_is_taken_once() -> None:
    crowd = Crowd()
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    document = ada.document(got={ben.label: 1000})

    taken = at_once(lambda _number: ada.hand_in(document))

    assert sorted(one.counted for one in taken) == [0] * (RIVALS - 1) + [1]
    assert ReceiptChain.objects.get().broken == ""


def test_rival_new_chains_leave_one_whole() -> None:
    crowd = Crowd()
    ada, ben = crowd.joins("ada"), crowd.joins("ben")
    documents = []
    for number in range(RIVALS):
        ada.chain, ada.head = chain_id(number), None
        documents.append(ada.document(got={ben.label: 1000}))

    def hand_in(number: int) -> None:
        try:
            ada.hand_in(documents[number])
        except ReceiptsBrokenError:
            return

    at_once(hand_in)

    assert ReceiptChain.objects.filter(broken="").count() == 1
    assert Receipt.objects.get().bytes == 1000
