"""Cutting an amount into whole shares that add up to it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["spread"]


def spread(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Share `total` (minor units, ≥ 0) by `weights` (≥ 0): whole shares that sum to it exactly.

    Each share is its exact part rounded down; what is left goes, a unit each, to the largest
    remainders (Hamilton's method), the earlier one first where they are equal. No share
    exceeds its weight as long as `total` does not exceed their sum. Without weights nothing
    can be shared: raises ValueError unless `total` is 0.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("amounts and weights are not negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("there is nothing to share it by")
        return (0,) * len(weights)
    shares = [total * weight // whole for weight in weights]
    # The remainders by index, the largest first; sorting is stable.
    order = sorted(range(len(weights)), key=lambda at: -(total * weights[at] % whole))
    for at in order[: total - sum(shares)]:
        shares[at] += 1
    return tuple(shares)
