"""What the operator has set about rewards: read from the environment, checked at the start."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from marketplace.core.fee_rates import amounts_of

__all__ = ["RewardPolicy", "reward_policy"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardPolicy:
    """When pools are closed, and when what was earned becomes credit.

    `closes_after` days after the payment a pool is shared out. `waits` days after the payment
    rewards become credit: by then no bank disputes it any more. Where `reserve` names an amount
    in minor units, rewards up to that sum become credit at once, and the operator bears what
    is disputed afterwards.
    """

    closes_after: dt.timedelta = dt.timedelta(days=14)
    waits: dt.timedelta = dt.timedelta(days=120)
    reserve: Mapping[str, int] = field(default_factory=dict)


def reward_policy(environment: Mapping[str, str]) -> RewardPolicy:
    """What GEOBUK_POOL_DAYS and its neighbours name.

    Days are whole numbers, the reserve is written "USD=500 KRW=600000". Raises ValueError with
    a sentence that names the variable.
    """
    closes = _days(environment, "GEOBUK_POOL_DAYS", "14")
    waits = _days(environment, "GEOBUK_REWARD_DAYS", "120")
    if waits < closes:
        raise ValueError("set GEOBUK_REWARD_DAYS to no fewer days than GEOBUK_POOL_DAYS")
    return RewardPolicy(
        closes_after=closes,
        waits=waits,
        reserve=amounts_of(environment, "GEOBUK_REWARD_RESERVE", ""),
    )


def _days(environment: Mapping[str, str], name: str, default: str) -> dt.timedelta:
    text = environment.get(name, default)
    if not (text.isascii() and text.isdigit()) or int(text) > 3650:
        raise ValueError(f"set {name} to a whole number of days")
    return dt.timedelta(days=int(text))
