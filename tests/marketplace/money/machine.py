"""The state machine that Hypothesis drives: its rules are the scene's methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.marketplace.money.scene import Scene
from tests.marketplace.money.truth import deviations

__all__ = ["machine_over"]

_number = st.integers(0, 30)
_maybe = st.none() | st.integers(0, 9_999)


def machine_over(  # noqa: C901 - a rule for each thing that can happen
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
        @initialize(first=_number, second=st.none() | _number, card=_number, method=_number)
        def begin(self, first: int, second: int | None, card: int, method: int) -> None:
            self.scene = scene_of(done)
            done["schedules"] += 1
            self.scene.buy(0, first, second)
            self.scene.pay(0, card, method)

        @rule(buyer=_number, first=_number, second=st.none() | _number)
        def buy(self, buyer: int, first: int, second: int | None) -> None:
            self.scene.buy(buyer, first, second)

        @rule(which=_number, card=_number, method=_number)
        def pay(self, which: int, card: int, method: int) -> None:
            self.scene.pay(which, card, method)

        @rule(which=_number)
        def come_back(self, which: int) -> None:
            self.scene.come_back(which)

        @rule(which=_number, first=_number)
        def two_at_once(self, which: int, first: int) -> None:
            self.scene.two_at_once(which, first)

        @rule(which=_number, part=_maybe)
        def refund(self, which: int, part: int | None) -> None:
            self.scene.refund(which, part)

        @rule(which=_number, part=_maybe)
        def refund_at_stripe(self, which: int, part: int | None) -> None:
            self.scene.refund_at_stripe(which, part)

        @rule(which=_number, succeeds=st.booleans())
        def money_moves(self, which: int, succeeds: bool) -> None:
            self.scene.money_moves(which, succeeds=succeeds)

        @rule(which=_number)
        def dispute(self, which: int) -> None:
            self.scene.dispute(which)

        @rule(which=_number, won=st.booleans())
        def decide(self, which: int, won: bool) -> None:
            self.scene.decide(which, won=won)

        @rule(which=_number)
        def end_page(self, which: int) -> None:
            self.scene.end_page(which)

        @rule(which=_number, times=_number)
        def deliver(self, which: int, times: int) -> None:
            self.scene.deliver(which, times)

        @rule(kind=st.sampled_from(["fails before", "fails after", "restart", "sweep"]))
        def interrupt(self, kind: str) -> None:
            match kind:
                case "restart":
                    self.scene.restart()
                case "sweep":
                    self.scene.sweep()
                case _:
                    self.scene.stripe_fails(after=kind == "fails after")

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
