from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drm.keys import IdentityKey
from drm.swarm_authority import MemberKey, issue_certificate
from seeder.errors import ShopAnswerError
from seeder.swarm_calls import (
    Attendance,
    Label,
    Met,
    Refused,
    announce,
    ask_certificate,
    ask_label,
)

PACKAGE = "ab" * 32
LABEL = "a" * 20
GOOD: dict[str, Any] = {
    "interval": 300,
    "items": [
        {
            "package": PACKAGE,
            "peers": [{"host": "2001:db8::7", "port": 6881, "label": "b" * 20}],
            "gone": ["c" * 20],
            "seeds": 1,
            "leechers": 2,
        }
    ],
    "refused": [{"package": "cd" * 32, "code": "entitlement_not_found", "message": "No."}],
}


class FakeShop:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, Any]] = []

    def ask(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        self.asked.append((method, path, json))
        return self.answer


def without(**changes: Any) -> dict[str, Any]:
    """The good answer, with other values in its one peer, its item or itself."""
    [item] = GOOD["items"]
    [peer] = item["peers"]
    peer = peer | {k: v for k, v in changes.items() if k in peer}
    item = item | {"peers": [peer]} | {k: v for k, v in changes.items() if k in item}
    return GOOD | {"items": [item]} | {k: v for k, v in changes.items() if k in GOOD}


def test_a_label_is_read_with_its_end() -> None:
    shop = FakeShop({"label": LABEL, "expires": "2026-12-02T09:00:00+09:00"})

    label = ask_label(shop)

    assert label == Label(LABEL, datetime(2026, 12, 2, tzinfo=UTC))
    assert shop.asked == [("POST", "/swarm/label", None)]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"label": LABEL},
        {"label": "short", "expires": "2026-12-02T00:00:00Z"},
        {"label": LABEL, "expires": "soon"},
        {"label": LABEL, "expires": 7},
    ],
)
def test_no_label_is_made_of_an_answer_that_has_none(answer: dict[str, Any]) -> None:
    with pytest.raises(ShopAnswerError):
        ask_label(FakeShop(answer))


def test_a_certificate_is_taken_with_the_end_that_it_says_itself() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    key = MemberKey()
    issued = issue_certificate(
        key.request(),
        key=IdentityKey.generate(),
        package_id=PACKAGE,
        now=now,
        lifetime=timedelta(hours=1),
    )
    shop = FakeShop({"certificate": issued.pem, "expires": "2099-01-01T00:00:00Z"})

    taken = ask_certificate(shop, PACKAGE, request=key.request())

    assert taken.expires_at == now + timedelta(hours=1)
    assert shop.asked[0][1] == f"/packages/{PACKAGE}/certificate"
    for nothing in ("no certificate", 7, "é"):
        with pytest.raises(ShopAnswerError):
            ask_certificate(FakeShop({"certificate": nothing}), PACKAGE, request="")


def test_an_announce_says_where_we_are_and_brings_whom_to_dial_and_whom_to_cut() -> None:
    shop = FakeShop(GOOD)

    answer = announce(
        shop, label=LABEL, port=6882, items=[Attendance(PACKAGE, 7, "started", "ef" * 32)]
    )

    [view] = answer.swarms
    assert answer.interval == 300
    assert view.peers == (Met("2001:db8::7", 6881, "b" * 20),)
    assert view.gone == frozenset({"c" * 20})
    assert (view.seeds, view.leechers) == (1, 2)
    assert answer.refused == (Refused("cd" * 32, "entitlement_not_found", "No."),)
    assert shop.asked[0][2] == {
        "label": LABEL,
        "port": 6882,
        "items": [{"package": PACKAGE, "left": 7, "event": "started", "info_hash": "ef" * 32}],
    }


@pytest.mark.parametrize(("given", "used"), [(0, 5), (10**9, 3600), (60, 60)])
def test_a_shop_can_neither_hurry_nor_silence_a_device(given: int, used: int) -> None:
    answer = announce(FakeShop(without(interval=given)), label=LABEL, port=1, items=[])

    assert answer.interval == used


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "shop.example.org"},
        {"host": "0.0.0.0"},  # noqa: S104
        {"host": "224.0.0.1"},
        {"host": None},
        {"port": 0},
        {"port": 65536},
        {"port": True},
        {"port": "6881"},
        {"label": "b" * 19},
        {"label": "b" * 19 + "\n"},
        {"gone": [7]},
        {"seeds": -1},
        {"peers": 7},
        {"interval": "300"},
        {"items": None},
        {"refused": [{"package": PACKAGE}]},
    ],
)
def test_an_answer_that_is_not_of_the_protocol_is_refused_whole(changes: dict[str, Any]) -> None:
    with pytest.raises(ShopAnswerError):
        announce(FakeShop(without(**changes)), label=LABEL, port=1, items=[])
