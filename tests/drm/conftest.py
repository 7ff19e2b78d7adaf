from __future__ import annotations

import pytest
from hypothesis import settings

from tests.drm.house import Shelf, licence_for, pattern, seal

# A busy machine is no fault of the code; the timeout of pytest stays.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    """Two files, one of several segments."""
    return seal([pattern(200_000, "a"), pattern(10, "b")])


@pytest.fixture(scope="session")
def licence(shelf: Shelf) -> str:
    return licence_for(shelf)
