"""The front door: what people, devices and the worker do with handovers."""

from __future__ import annotations

from marketplace.handovers.loans import most_days, renew_loan, return_loan, settle_handovers
from marketplace.handovers.offering import (
    accept_handover,
    cancel_handover,
    decline_handover,
    offer_handover,
    what_to_offer,
)
from marketplace.handovers.presents import (
    change_address,
    check_free_presents,
    claim_present,
    keep_present,
    send_again,
    send_present,
)
from marketplace.handovers.surrendering import Request, give_licence_back, requests_for

__all__ = [
    "Request",
    "accept_handover",
    "cancel_handover",
    "change_address",
    "check_free_presents",
    "claim_present",
    "decline_handover",
    "give_licence_back",
    "keep_present",
    "most_days",
    "offer_handover",
    "renew_loan",
    "requests_for",
    "return_loan",
    "send_again",
    "send_present",
    "settle_handovers",
    "what_to_offer",
]
