"""What the technical error page and the mail to the operators show of a failure."""

from __future__ import annotations

from collections.abc import ItemsView
from types import FrameType
from typing import Any, Final

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

__all__ = ["KeepsKeysOut"]

# Code that holds keys, seeds and passphrases as plain bytes.
SECRETIVE: Final = (
    "drm",
    "marketplace.packaging",
    "marketplace.continuity",
    "marketplace.operations",
)


class KeepsKeysOut(SafeExceptionReporterFilter):
    """Hides the local variables of code that handles keys, and of all that it calls.

    The libraries below hold the same bytes under names of their own, so a list of names
    would not do. It holds in DEBUG too: an error page is easily copied into a report.
    """

    def get_traceback_frame_variables(
        self, request: HttpRequest | None, tb_frame: FrameType
    ) -> ItemsView[str, Any]:
        """The local variables to show of a frame, as pairs of name and value."""
        if _handles_keys(tb_frame):
            return dict.fromkeys(tb_frame.f_locals, self.cleansed_substitute).items()
        return super().get_traceback_frame_variables(request, tb_frame)


def _handles_keys(frame: FrameType | None) -> bool:
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if any(module == name or module.startswith(f"{name}.") for name in SECRETIVE):
            return True
        frame = frame.f_back
    return False
