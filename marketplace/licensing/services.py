"""Giving, taking back, and proving the right to open a package: what other apps call."""

from __future__ import annotations

from marketplace.licensing.auditing import record as record_in_log
from marketplace.licensing.auditing import sign_log
from marketplace.licensing.checkpoints import log_state, public_head, require_own_log
from marketplace.licensing.granting import (
    change,
    extend,
    grant,
    outrank,
)
from marketplace.licensing.handing import (
    extend_loan,
    give_back,
    hold,
    lend,
    licences_out,
    lock,
    own_entitlement,
    pass_on,
    surrender,
    was_opened,
)
from marketplace.licensing.issuing import licence_for
from marketplace.licensing.leases import LeaseRequest, lease_for
from marketplace.licensing.presents import claim, give
from marketplace.licensing.proving import audit_proofs
from marketplace.licensing.renewing import bridge, subscribe
from marketplace.licensing.reversing import (
    charge_back,
    fail_late,
    note,
    restore,
    resume,
    revoke,
    suspend,
    withdraw,
)
from marketplace.licensing.statuses import signed_device_status, signed_status
from marketplace.licensing.terms import state_of
from marketplace.licensing.versions import announce_version

__all__ = [
    "LeaseRequest",
    "announce_version",
    "audit_proofs",
    "bridge",
    "change",
    "charge_back",
    "claim",
    "extend",
    "extend_loan",
    "fail_late",
    "give",
    "give_back",
    "grant",
    "hold",
    "lease_for",
    "lend",
    "licence_for",
    "licences_out",
    "lock",
    "log_state",
    "note",
    "outrank",
    "own_entitlement",
    "pass_on",
    "public_head",
    "record_in_log",
    "require_own_log",
    "restore",
    "resume",
    "revoke",
    "sign_log",
    "signed_device_status",
    "signed_status",
    "state_of",
    "subscribe",
    "surrender",
    "suspend",
    "was_opened",
    "withdraw",
]
