"""The state machine that Hypothesis drives: its steps are the scene's methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.marketplace.money.scene import Scene
from tests.marketplace.money.truth import deviations

__all__ = ["ACTS", "machine_over"]

# What can happen. The second number may be missing.
ACTS: dict[str, Callable[[Scene, int, int | None], None]] = {
    "buy": lambda scene, one, other: scene.buy(one, one // 2, other),
    "buy with a code": lambda scene, one, other: scene.buy(one, one // 2, other, code=one // 3),
    "buy with credit": lambda scene, one, other: scene.buy(one, one // 2, other, credit=True),
    "buy with both": lambda scene, one, other: scene.buy(
        one, one // 2, other, code=one // 3, credit=True
    ),
    "earn": lambda scene, one, other: scene.earn(one, other or one),
    "pay": lambda scene, one, other: scene.pay(one, (other or 0) // 5, other or 0),
    "come back": lambda scene, one, other: scene.come_back(one),
    "two at once": lambda scene, one, other: scene.two_at_once(one, other or 0),
    "refund": lambda scene, one, other: scene.refund(one, other),
    "refund all": lambda scene, one, other: scene.refund(one, None),
    "refund at Stripe": lambda scene, one, other: scene.refund_at_stripe(one, other),
    "money arrives": lambda scene, one, other: scene.money_moves(one, succeeds=True),
    "money fails": lambda scene, one, other: scene.money_moves(one, succeeds=False),
    "dispute": lambda scene, one, other: scene.dispute(one),
    "win": lambda scene, one, other: scene.decide(one, won=True),
    "lose": lambda scene, one, other: scene.decide(one, won=False),
    "page ends": lambda scene, one, other: scene.end_page(one),
    "event": lambda scene, one, other: scene.deliver(one, 1),
    "event again": lambda scene, one, other: scene.deliver(one, 2 + (other or 0) % 2),
    "event lost": lambda scene, one, other: scene.deliver(one, 0),
    "Stripe fails before": lambda scene, one, other: scene.stripe_fails(after=False),
    "Stripe fails after": lambda scene, one, other: scene.stripe_fails(after=True),
    "restart": lambda scene, one, other: scene.restart(),
    "sweep": lambda scene, one, other: scene.sweep(),
}
# Drawn three times as often: each needs several others before it, in their order.
_RARE = ("refund at Stripe", "dispute", "win", "lose", "come back", "event")
_KINDS = [*sorted(ACTS), *_RARE, *_RARE]
_number = st.integers(0, 30)
_maybe = st.none() | st.integers(0, 9_999)


def machine_over(
    scene_of: Callable[[Counter[str]], Scene],
    done: Counter[str],
    *,
    tidy_up: Callable[[Scene], None] = lambda scene: None,
    close: Callable[[Scene], None] = lambda scene: None,
) -> type[RuleBasedStateMachine]:
    """A machine whose every run has a scene of its own; `done` counts over all runs.

    `tidy_up` follows a run that was right, `close` every run.
    """

    class Schedule(RuleBasedStateMachine):
        @initialize(
            first=_number,
            second=st.none() | _number,
            code=st.none() | _number,
            credit=_maybe,
            card=_number,
            method=_number,
        )
        def begin(
            self,
            first: int,
            second: int | None,
            code: int | None,
            credit: int | None,
            card: int,
            method: int,
        ) -> None:
            self.scene = scene_of(done)
            done["schedules"] += 1
            if credit is not None:
                self.scene.earn(0, credit)
            self.scene.buy(0, first, second, code=code, credit=credit is not None)
            self.scene.pay(0, card, method)

        @rule(kind=st.sampled_from(_KINDS), one=_number, other=_maybe)
        def happens(self, kind: str, one: int, other: int | None) -> None:
            ACTS[kind](self.scene, one, other)

        def teardown(self) -> None:
            scene = getattr(self, "scene", None)
            if scene is None:
                return
            try:
                scene.calm_down()
                found = deviations(scene)
                assert not found, "; ".join(found)
                tidy_up(scene)
            finally:
                close(scene)

    return Schedule
