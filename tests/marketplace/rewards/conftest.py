from __future__ import annotations

from tests.marketplace.trade import folders

__all__ = ["folders"]
