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
        ├── OnlineNeededError     lease_missing, lease_expired, clock_set_back,
        │                         state_missing, retired_issuer: going online cures it
        ├── WindowOverError       window_over
        ├── PlaysUsedUpError      plays_used_up
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
    "OnlineNeededError",
    "OtherContentError",
    "OtherDeviceError",
    "PlaysUsedUpError",
    "RevokedError",
    "RightAbsentError",
    "UnsupportedError",
    "WindowOverError",
]

_ONLINE = {
    "lease_missing": "This rental has no permission on this device yet. Go online once to fetch it.",
    "lease_expired": "This rental has been offline for too long. Go online once to go on.",
    "clock_set_back": "This device's clock has been set back. Set it right, and go online once.",
    "state_missing": "This device's record of what was played is lost. Go online once to renew it.",
    "retired_issuer": "The shop has replaced the key that signed this. Go online once to check it.",
}


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


class OnlineNeededError(LicenceRefusedError):
    """The licence may well stand, but only the shop can say so: go online.

    `code` is one of `lease_missing`, `lease_expired`, `clock_set_back`, `state_missing` and
    `retired_issuer`; each has a sentence of its own unless `message` replaces it.
    """

    def __init__(self, code: str = "lease_missing", message: str | None = None) -> None:
        super().__init__(code, message or _ONLINE[code])


class WindowOverError(LicenceRefusedError):
    """The time for playing, which began with the first play, is over."""

    def __init__(
        self,
        message: str = "The time to watch this has run out. You can rent it again in the shop.",
    ) -> None:
        super().__init__("window_over", message)


class PlaysUsedUpError(LicenceRefusedError):
    """Every play that the licence grants has been used."""

    def __init__(
        self,
        message: str = "Every play that this device may begin is used. Go online for the next, or buy more.",
    ) -> None:
        super().__init__("plays_used_up", message)
