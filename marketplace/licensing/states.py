"""The state machine of an entitlement: a function of its log, and of nothing else.

The tables stand in docs/entitlements.md, by kinds; a test reads them there and tries every
cell through the services. There are two: of what its holder opens, and of a present, which
opens nothing for its giver until somebody has claimed it. What comes back from a refund or
a dispute comes back to where it began: open in the first, waiting in the second.

What was passed on for good stays passed on, whatever happens to the money; that goes to
whoever has it by now. A second refund of what is revoked changes nothing but is kept in
the log: money moved twice, and whoever looks for it must find it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from marketplace.licensing.errors import TransitionError
from marketplace.licensing.models import Entitlement, EntitlementEvent

__all__ = ["DISPUTES", "MONEY_BACK", "after", "ending", "replay"]

_State = Entitlement.State
_Kind = EntitlementEvent.Kind
_Table = dict[tuple[str | None, str], str]

# The money is with the buyer again, or never came.
MONEY_BACK: Final = (_Kind.REFUNDED, _Kind.WITHDRAWN, _Kind.PAYMENT_FAILED)
DISPUTES: Final = (_Kind.DISPUTE_OPENED, _Kind.DISPUTE_WON, _Kind.DISPUTE_LOST)
# In which the money has taken it from its holder.
_ENDED: Final = (_State.REVOKED, _State.CHARGED_BACK)
_OVER: Final = (_State.TRANSFERRED, _State.RETURNED, _State.REVOKED, _State.CHARGED_BACK)


def _money(home: _State, *standing: _State) -> _Table:
    """What the buyer's money does to what began as `home` and may be in `standing` too."""
    moves: _Table = {(state, _Kind.REFUNDED_PART): state for state in (*standing, *_OVER)}
    for state in _OVER:
        moves |= {(state, kind): state for kind in (*MONEY_BACK, *DISPUTES)}
    for state in standing:
        moves |= {(state, kind): _State.REVOKED for kind in MONEY_BACK}
        # What is lent opens nothing here: the borrower's is what a dispute suspends.
        lent = state == _State.LENT
        moves[state, _Kind.DISPUTE_OPENED] = state if lent else _State.SUSPENDED
        moves[state, _Kind.DISPUTE_WON] = state if lent else home
        moves[state, _Kind.DISPUTE_LOST] = _State.CHARGED_BACK
    return moves | {
        (_State.CHARGED_BACK, _Kind.DISPUTE_WON): home,
        (_State.REVOKED, _Kind.DISPUTE_LOST): _State.CHARGED_BACK,
        (_State.REVOKED, _Kind.RESTORED): home,
        (_State.TRANSFERRED, _Kind.RESTORED): _State.TRANSFERRED,
        (_State.CHARGED_BACK, _Kind.RESTORED): _State.CHARGED_BACK,
    }


_HELD: Final[_Table] = _money(_State.ACTIVE, _State.ACTIVE, _State.SUSPENDED, _State.LENT) | {
    (None, _Kind.GRANTED): _State.ACTIVE,
    (None, _Kind.RECEIVED): _State.ACTIVE,
    (_State.ACTIVE, _Kind.EXTENDED): _State.ACTIVE,
    (_State.SUSPENDED, _Kind.EXTENDED): _State.SUSPENDED,
    (_State.ACTIVE, _Kind.LENT): _State.LENT,
    (_State.ACTIVE, _Kind.RETURNED): _State.RETURNED,
    (_State.SUSPENDED, _Kind.RETURNED): _State.RETURNED,
    (_State.LENT, _Kind.RETURNED): _State.ACTIVE,
    (_State.REVOKED, _Kind.RETURNED): _State.REVOKED,
    (_State.CHARGED_BACK, _Kind.RETURNED): _State.CHARGED_BACK,
    (_State.ACTIVE, _Kind.TRANSFERRED): _State.TRANSFERRED,
}
_PRESENT: Final[_Table] = _money(_State.GIVEN, _State.GIVEN, _State.SUSPENDED) | {
    (None, _Kind.GIFTED): _State.GIVEN,
    (_State.GIVEN, _Kind.CLAIMED): _State.TRANSFERRED,
}


def after(state: str | None, kind: str, *, present: bool = False) -> str:
    """The state that follows on `state` (None before the first event) when `kind` happens.

    `present`: of what was bought for somebody else, on its giver's side. Raises
    TransitionError where the table has no such move.
    """
    table = _PRESENT if present else _HELD
    try:
        return table[state, kind]
    except KeyError:
        raise TransitionError(
            f"A purchase that is {state or 'not made'} cannot be {kind}. Nothing was changed."
        ) from None


def ending(events: Iterable[EntitlementEvent], *, present: bool = False) -> EntitlementEvent | None:
    """The event that took it from its holder, of a log in its order; None where it was not taken.

    What ended it first counts: a second refund ends nothing.
    """
    state: str | None = None
    ended: EntitlementEvent | None = None
    for event in events:
        state = after(state, event.kind, present=present)
        if state not in _ENDED:
            ended = None
        elif ended is None:
            ended = event
    return ended


def replay(kinds: Iterable[str]) -> str | None:
    """The state that a log of these kinds adds up to; None for an empty one."""
    state: str | None = None
    present = False
    for kind in kinds:
        present = present or kind == _Kind.GIFTED
        state = after(state, kind, present=present)
    return state
