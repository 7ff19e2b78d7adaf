"""What a benchmark returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Result"]


@dataclass(frozen=True)
class Result:
    """A figure, and the figure of its reference in the same run.

    `ratio` is value / reference as the bar wants it, `bar` the least (or, where
    `bar_is_most`, the most) that the ratio may be; without a bar the figure is told
    and not judged. A bar that `must` be met fails the run.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    bar: float | None = None
    bar_is_most: bool = False
    must: bool = False

    @property
    def ok(self) -> bool | None:
        """Whether the bar is met; None where there is none."""
        if self.bar is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged <= self.bar if self.bar_is_most else judged >= self.bar

    def as_json(self) -> dict[str, Any]:
        fields = asdict(self)
        del fields["bar_is_most"], fields["must"]
        return {**fields, "ok": self.ok}
