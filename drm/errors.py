"""What drm refuses, as one tree.

    DrmError                      code            when
    ├── FormatError               bad_format      bytes that are not what the format says
    │   └── UnsupportedError      unsupported     a version or critical member we do not know
    ├── AuthenticationError       bad_signature   a signature or an authentication tag is wrong
    ├── KeyMismatchError          wrong_key       a key that does not belong to this content
    └── LicenceRefusedError       (its own)       the licence is genuine and says no
        ├── RevokedError          revoked
        ├── OtherDeviceError      other_device
        ├── OtherContentError     other_content
        ├── ExpiredError          expired
        ├── NotYetValidError      not_yet_valid
        └── RightAbsentError      right_absent

Each carries `code` for programs and `message`, a sentence for people.
"""

from __future__ import annotations

__all__ = [
    "AuthenticationError",
    "DrmError",
    "ExpiredError",
    "FormatError",
    "KeyMismatchError",
    "LicenceRefusedError",
    "NotYetValidError",
    "OtherContentError",
    "OtherDeviceError",
    "RevokedError",
    "RightAbsentError",
    "UnsupportedError",
]


class DrmError(Exception):
    """Anything that drm refuses."""

    code = "drm"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class FormatError(DrmError):
    """Bytes that do not follow the format, or a request that cannot be written in it."""

    code = "bad_format"


class UnsupportedError(FormatError):
    """A version, suite or critical member that this program does not know."""

    code = "unsupported"


class AuthenticationError(DrmError):
    """Bytes that are not the ones their author signed or sealed."""

    code = "bad_signature"

    def __init__(
        self, message: str = "The signature is not genuine. Get this document again from the shop."
    ) -> None:
        super().__init__(message)


class KeyMismatchError(DrmError):
    """A key that does not open this content, or wrapped bytes from another place."""

    code = "wrong_key"


class LicenceRefusedError(DrmError):
    """A genuine licence that does not permit what was asked."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RevokedError(LicenceRefusedError):
    """The shop took the licence back."""

    def __init__(
        self,
        message: str = "The shop has withdrawn this licence. Your library shows why, and whom to ask.",
    ) -> None:
        super().__init__("revoked", message)


class OtherDeviceError(LicenceRefusedError):
    """The licence belongs to another device."""

    def __init__(
        self,
        message: str = "This licence was made for another device. Sign in on this one to get its own.",
    ) -> None:
        super().__init__("other_device", message)


class OtherContentError(LicenceRefusedError):
    """The licence belongs to another package."""

    def __init__(
        self,
        message: str = "This licence belongs to other content. Fetch the licence of this item again.",
    ) -> None:
        super().__init__("other_content", message)


class ExpiredError(LicenceRefusedError):
    """The licence has ended."""

    def __init__(
        self,
        message: str = "This licence has expired. Renew it in your library to open the content again.",
    ) -> None:
        super().__init__("expired", message)


class NotYetValidError(LicenceRefusedError):
    """The licence has not begun."""

    def __init__(
        self,
        message: str = "This licence is not valid yet. Wait until it begins, and check this device's clock.",
    ) -> None:
        super().__init__("not_yet_valid", message)


class RightAbsentError(LicenceRefusedError):
    """The licence does not grant the action."""

    def __init__(
        self,
        message: str = "This licence does not include that. The listing shows what a purchase permits.",
    ) -> None:
        super().__init__("right_absent", message)
