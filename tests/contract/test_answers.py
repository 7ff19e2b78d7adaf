"""Each answer of the whole run, and each address of the emulator."""

from __future__ import annotations

import pytest

from marketplace.sandbox.stripe_emulator import resources
from tests.contract.desk import Desk


def test_every_answer_was_what_the_sdk_announces(desk: Desk) -> None:
    assert desk.line.asked, "it comes last, after the others have asked"
    assert sorted(set(desk.line.wrong)) == []


def test_every_address_of_the_emulator_was_asked(desk: Desk) -> None:
    if desk.is_real:
        pytest.skip("not against the real Stripe: it is about the emulator")
    known = {
        (route.method, route.pattern.pattern.replace(r"(\w+)", "{id}"))
        for route in resources._ROUTES
    }
    assert sorted(known - desk.line.asked) == []
