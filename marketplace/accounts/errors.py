"""What can go wrong with people, sellers and devices.

* MarketplaceError
  + NotFoundError
    - DeviceNotFoundError      no such device, or not yours
    - SellerNotFoundError
  + ConflictError
    - CodeUsedError            a user code that was decided, redeemed or has expired
    - NoRoomError              the account may have no further device now
      * DeviceLimitError       as many are active as may be
      * DeviceKeysUsedUpError  too many new keys in twelve months
  + InvalidError
    - UnknownCodeError         no seeder waits under this user code
    - SellerNameError
    - CountryError
    - TaxNumberError           no VAT, GST or business number
    - DeviceNameError
    - RemovalLinkError         a removal link that was changed, is old, or was used
    - OAuthError               an RFC 6749/8628/9449 error of the token endpoints
  + NotAllowedError
    - SeederRefusedError       a call of a seeder that is not let in (401)
      * InvalidTokenError
      * InvalidProofError
      * DeviceRemovedError
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError

__all__ = [
    "CodeUsedError",
    "CountryError",
    "DeviceKeysUsedUpError",
    "DeviceLimitError",
    "DeviceNameError",
    "DeviceNotFoundError",
    "DeviceRemovedError",
    "InvalidProofError",
    "InvalidTokenError",
    "NoRoomError",
    "OAuthError",
    "RemovalLinkError",
    "SeederRefusedError",
    "SellerNameError",
    "SellerNotFoundError",
    "TaxNumberError",
    "UnknownCodeError",
]


class DeviceNotFoundError(NotFoundError):
    code = "device_not_found"


class SellerNotFoundError(NotFoundError):
    code = "seller_not_found"


class CodeUsedError(ConflictError):
    code = "code_used"


class NoRoomError(ConflictError):
    """The sentence says what to remove, or when there is room again."""

    code = "no_room"


class DeviceLimitError(NoRoomError):
    code = "device_limit"


class DeviceKeysUsedUpError(NoRoomError):
    code = "device_keys_used_up"


class UnknownCodeError(InvalidError):
    code = "unknown_code"


class SellerNameError(InvalidError):
    code = "invalid_seller_name"


class TaxNumberError(InvalidError):
    code = "bad_tax_number"


class CountryError(InvalidError):
    code = "invalid_country"


class DeviceNameError(InvalidError):
    code = "invalid_device_name"


class RemovalLinkError(InvalidError):
    code = "invalid_removal_link"


class OAuthError(InvalidError):
    """Answered as ``{"error": error, "error_description": sentence}`` (RFC 6749, section 5.2)."""

    code = "oauth_error"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class SeederRefusedError(NotAllowedError):
    """The edge answers 401 with the code: the seeder has to log in, or to prove its key."""

    code = "seeder_refused"


class InvalidTokenError(SeederRefusedError):
    code = "invalid_token"


class InvalidProofError(SeederRefusedError):
    code = "invalid_proof"


class DeviceRemovedError(SeederRefusedError):
    code = "device_removed"
