from __future__ import annotations

import pytest

from tests.marketplace.handovers.handing import Person, person
from tests.marketplace.trade import folders

__all__ = ["folders"]


@pytest.fixture
def ada(db: None) -> Person:
    return person("ada")


@pytest.fixture
def eve(db: None) -> Person:
    return person("eve")
