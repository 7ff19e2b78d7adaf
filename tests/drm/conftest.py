from __future__ import annotations

import pytest

from tests.drm.house import Shelf, licence_for, pattern, seal


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    """Two files, one of several segments."""
    return seal([pattern(200_000, "a"), pattern(10, "b")])


@pytest.fixture(scope="session")
def licence(shelf: Shelf) -> str:
    return licence_for(shelf)
