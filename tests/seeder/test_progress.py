from __future__ import annotations

import io

import pytest
from rich.console import Console

from seeder.cli.progress import draw
from seeder.item_state import ItemState

AWAY = "The shop at http://127.0.0.1:8000 cannot be reached. Check your connection and try again."
FULL = "There is not enough room on the disk. Free some, and it goes on."


@pytest.mark.parametrize("width", [50, 80, 200])
def test_a_note_is_never_cut(width: int) -> None:
    item = ItemState("p", "거북이의 긴 여행 " * 12, "downloading", 5, 10, peers=1, note=FULL)
    out = io.StringIO()

    Console(file=out, width=width).print(draw([item], {"shop": "http://shop", "note": AWAY}))

    shown = " ".join(out.getvalue().split())
    assert AWAY in shown
    assert FULL in shown
    assert "50 % of 10 B" in shown


def test_an_empty_table_claims_nothing_before_the_shop_has_answered() -> None:
    out = io.StringIO()
    console = Console(file=out, width=80)

    console.print(draw([], {"online": False}))
    assert "Nothing bought yet" not in out.getvalue()
    console.print(draw([], {"online": True}))
    assert "Nothing bought yet" in out.getvalue()
