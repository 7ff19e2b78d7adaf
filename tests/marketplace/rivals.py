"""Several threads that do the same thing at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

from marketplace.core.errors import MarketplaceError

__all__ = ["RIVALS", "at_once"]

RIVALS = 8


def at_once(task: Callable[[int], Any]) -> list[Any]:
    """Run `task` on RIVALS threads that start together; what each returned or was refused with."""
    gate = threading.Barrier(RIVALS)

    def run(number: int) -> Any:
        gate.wait(10)
        try:
            return task(number)
        except MarketplaceError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(run, range(RIVALS)))
