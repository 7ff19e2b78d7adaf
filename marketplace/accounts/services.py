"""The front door: what people and seeders do with accounts and devices."""

from __future__ import annotations

from marketplace.accounts.authentication import authenticate_device_key, authenticate_seeder
from marketplace.accounts.device_limits import DeviceAllowance, require_room
from marketplace.accounts.device_login import (
    CLIENT_ID,
    DeviceCodes,
    DeviceRequest,
    decide_device_login,
    find_grant,
    redeem_device_code,
    refresh_tokens,
    start_device_login,
)
from marketplace.accounts.devices import (
    device_of_removal_link,
    fingerprint,
    remove_device,
    remove_device_by_link,
    rename_device,
    suspect_copies,
)
from marketplace.accounts.erasure import FORMER_SELLER, erase_account
from marketplace.accounts.fresh import log_in_again, logged_in_recently
from marketplace.accounts.people import client_address, set_display_name
from marketplace.accounts.sellers import become_seller, set_tax_number
from marketplace.accounts.tokens import TokenPair

__all__ = [
    "CLIENT_ID",
    "FORMER_SELLER",
    "DeviceAllowance",
    "DeviceCodes",
    "DeviceRequest",
    "TokenPair",
    "authenticate_device_key",
    "authenticate_seeder",
    "become_seller",
    "client_address",
    "decide_device_login",
    "device_of_removal_link",
    "erase_account",
    "find_grant",
    "fingerprint",
    "log_in_again",
    "logged_in_recently",
    "redeem_device_code",
    "refresh_tokens",
    "remove_device",
    "remove_device_by_link",
    "rename_device",
    "require_room",
    "set_display_name",
    "set_tax_number",
    "start_device_login",
    "suspect_copies",
]
