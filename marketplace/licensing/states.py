"""The state machine of an entitlement: a function of its log, and of nothing else.

    event \\ state   (none)    active       lent         transferred  returned   revoked
    granted         active    refused      refused      refused      refused    refused
    received        active    refused      refused      refused      refused    refused
    extended        refused   active       refused      refused      refused    refused
    lent            refused   lent         refused      refused      refused    refused
    returned        refused   returned     active       refused      refused    revoked
    transferred     refused   transferred  refused      refused      refused    refused
    refunded        refused   revoked      revoked      transferred  returned   revoked
    restored        refused   refused      refused      transferred  refused    active

`returned` ends a loan: the borrower's own entitlement is over, the lender's lives again.
What was passed on for good stays passed on, whatever happens to the money.
A second refund of what is revoked changes nothing but is kept in the log: money
moved twice, and whoever looks for it must find it.
"""

from __future__ import annotations

from collections.abc import Iterable

from marketplace.licensing.errors import TransitionError
from marketplace.licensing.models import Entitlement, EntitlementEvent

__all__ = ["after", "replay"]

_State = Entitlement.State
_Kind = EntitlementEvent.Kind
_TABLE: dict[tuple[str | None, str], str] = {
    (None, _Kind.GRANTED): _State.ACTIVE,
    (None, _Kind.RECEIVED): _State.ACTIVE,
    (_State.ACTIVE, _Kind.EXTENDED): _State.ACTIVE,
    (_State.ACTIVE, _Kind.LENT): _State.LENT,
    (_State.ACTIVE, _Kind.RETURNED): _State.RETURNED,
    (_State.LENT, _Kind.RETURNED): _State.ACTIVE,
    (_State.REVOKED, _Kind.RETURNED): _State.REVOKED,
    (_State.ACTIVE, _Kind.TRANSFERRED): _State.TRANSFERRED,
    (_State.ACTIVE, _Kind.REFUNDED): _State.REVOKED,
    (_State.LENT, _Kind.REFUNDED): _State.REVOKED,
    (_State.TRANSFERRED, _Kind.REFUNDED): _State.TRANSFERRED,
    (_State.RETURNED, _Kind.REFUNDED): _State.RETURNED,
    (_State.REVOKED, _Kind.REFUNDED): _State.REVOKED,
    (_State.REVOKED, _Kind.RESTORED): _State.ACTIVE,
    (_State.TRANSFERRED, _Kind.RESTORED): _State.TRANSFERRED,
}


def after(state: str | None, kind: str) -> str:
    """The state that follows on `state` (None before the first event) when `kind` happens.

    Raises TransitionError where the table has no such move.
    """
    try:
        return _TABLE[state, kind]
    except KeyError:
        raise TransitionError(
            f"A purchase that is {state or 'not made'} cannot be {kind}. Nothing was changed."
        ) from None


def replay(kinds: Iterable[str]) -> str | None:
    """The state that a log of these kinds adds up to; None for an empty one."""
    state: str | None = None
    for kind in kinds:
        state = after(state, kind)
    return state
