"""What can go wrong in the seeder, as a person should read it.

* SeederError
  + TorrentError              the bytes are not a torrent that Geobuk makes
  + SessionError              the BitTorrent part cannot do what was asked
    - ListenError             the address to listen on cannot be had
    - UnknownTorrentError     no torrent of that info-hash is in the session
    - SessionClosedError      the session was closed before the call
    - SwarmTimeoutError       what was waited for did not come in time
    - SourceFilesError        files to be seeded are missing or of another size
  + StoreError                this computer's folder of purchases
    - NotEnoughSpaceError     a download would not fit on the disk
    - StoreMissingError       the disk of the store is not there just now
    - StoreBusyError          the store is being moved, or played from while it should move
    - MoveError               the store cannot be moved to that place
    - UnsafeNameError         a name that must not become part of a path
    - DamagedFileError        a file that cannot be made anew by itself cannot be read
    - KeyStoreError           the place of this device's keys cannot be used just now
    - PassphraseNeededError   keys lie under a passphrase, and nobody can type it
    - WrongPassphraseError    another passphrase than that of the keys
    - AlreadyRunningError     another seeder holds this folder
  + ShopError                 what the shop is or says
    - InsecureAddressError    an address that would carry a login in the clear, or is none
    - RootKeyChangedError     the shop shows another root key than the pinned one
    - ShopUnreachableError    nobody answers
    - ShopAnswerError         the answer does not follow the protocol
    - ShopRefusedError        the shop says no; `code` and sentence are the shop's
    - NotLoggedInError        there is no login, or it has ended
    - KeysLostError           the key store no longer holds this device's keys
    - DeviceRemovedError      the device was removed from the account
    - LogRewrittenError       the shop's audit log does not continue the one seen before
    - LoginFailedError        the login was denied or took too long
  + ItemError                 what a command was asked to do
    - ItemNotFoundError       nothing in the library matches
    - AmbiguousItemError      several things in the library match
    - NotCompleteError        the content is not all here yet
    - TargetError             the place to save to cannot be used
    - LimitsError             a limit, budget or schedule that is not understood
    - LicenceRefusedError     the content may not be opened; `code` says why
    - RecoveryError           a recovery key, kit, share or activation that cannot be used
  + FaultError                what nobody foresaw, so a fault of the program itself

Every message is a sentence that says what happened and what to do next; `code`
is stable and goes into `--json` output.
"""

from __future__ import annotations

__all__ = [
    "AlreadyRunningError",
    "AmbiguousItemError",
    "DamagedFileError",
    "DeviceRemovedError",
    "FaultError",
    "InsecureAddressError",
    "ItemError",
    "ItemNotFoundError",
    "KeyStoreError",
    "KeysLostError",
    "LicenceRefusedError",
    "LimitsError",
    "ListenError",
    "LogRewrittenError",
    "LoginFailedError",
    "MoveError",
    "NotCompleteError",
    "NotEnoughSpaceError",
    "NotLoggedInError",
    "PassphraseNeededError",
    "RecoveryError",
    "RootKeyChangedError",
    "SeederError",
    "SessionClosedError",
    "SessionError",
    "ShopAnswerError",
    "ShopError",
    "ShopRefusedError",
    "ShopUnreachableError",
    "SourceFilesError",
    "StoreBusyError",
    "StoreError",
    "StoreMissingError",
    "SwarmTimeoutError",
    "TargetError",
    "TorrentError",
    "UnknownTorrentError",
    "UnsafeNameError",
    "WrongPassphraseError",
]


class SeederError(Exception):
    """Base of every error that the seeder raises on purpose."""

    code: str = "seeder"


class FaultError(SeederError):
    """What nobody foresaw; its cause is the error that was met."""

    code = "fault"


class TorrentError(SeederError):
    """The bytes are not a torrent that Geobuk makes (BEP 52, v2 only, private)."""

    code = "bad_torrent"


class SessionError(SeederError):
    """The BitTorrent part cannot do what was asked."""

    code = "session"


class ListenError(SessionError):
    """The address or port to listen on cannot be had."""

    code = "listen"


class UnknownTorrentError(SessionError):
    """No torrent of that info-hash is in the session."""

    code = "unknown_torrent"


class SessionClosedError(SessionError):
    """The session was closed before the call."""

    code = "session_closed"


class SwarmTimeoutError(SessionError):
    """What was waited for did not come in time."""

    code = "timeout"


class SourceFilesError(SessionError):
    """Files that are to be seeded are missing or have another size."""

    code = "source_files"


class StoreError(SeederError):
    """The folder of purchases on this computer cannot be used."""

    code = "store"


class NotEnoughSpaceError(StoreError):
    """A download would not fit on the disk."""

    code = "not_enough_space"


class StoreMissingError(StoreError):
    """The folder that the store was moved to is not there just now."""

    code = "store_missing"


class StoreBusyError(StoreError):
    """The store is being moved, or something is played from it while it should move."""

    code = "store_busy"


class MoveError(StoreError):
    """The store cannot be moved to that place."""

    code = "move"


class UnsafeNameError(StoreError):
    """A name that must not become part of a path."""

    code = "unsafe_name"


class DamagedFileError(StoreError):
    """A file that the seeder cannot make anew by itself cannot be read."""

    code = "damaged_file"


class KeyStoreError(StoreError):
    """The place of this device's keys cannot be used just now; the keys may well be there."""

    code = "key_store"


class PassphraseNeededError(StoreError):
    """The keys lie under a passphrase, and nobody is here to type it."""

    code = "passphrase_needed"


class WrongPassphraseError(StoreError):
    """Another passphrase than the one that the keys lie under."""

    code = "wrong_passphrase"


class AlreadyRunningError(StoreError):
    """Another seeder holds this folder."""

    code = "already_running"


class ShopError(SeederError):
    """What the shop is or says."""

    code = "shop"


class InsecureAddressError(ShopError):
    """An address that would carry a login in the clear, or is no address."""

    code = "insecure_address"


class RootKeyChangedError(ShopError):
    """The shop shows another root key than the one pinned at the first login."""

    code = "root_key_changed"


class ShopUnreachableError(ShopError):
    """Nobody answers at the shop's address."""

    code = "shop_unreachable"


class ShopAnswerError(ShopError):
    """The answer does not follow the protocol."""

    code = "shop_answer"


class ShopRefusedError(ShopError):
    """The shop says no: its own code and sentence, and the HTTP status."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class NotLoggedInError(ShopError):
    """There is no login at the shop, or it has ended."""

    code = "not_logged_in"


class KeysLostError(ShopError):
    """The key store answers, and no longer holds this device's keys."""

    code = "keys_lost"

    def __init__(
        self,
        message: str = "This system's key store no longer holds the keys of this device. Log in "
        "again to make new ones: geobuk login URL. What you bought stays yours.",
    ) -> None:
        super().__init__(message)


class DeviceRemovedError(ShopError):
    """This device was removed from the account."""

    code = "device_removed"


class LogRewrittenError(ShopError):
    """The shop's audit log does not continue the one that this machine saw before."""

    code = "log_rewritten"


class LoginFailedError(ShopError):
    """The login was denied (`access_denied`) or took too long (`expired_token`)."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class ItemError(SeederError):
    """A command was asked for something that cannot be done."""

    code = "item"


class ItemNotFoundError(ItemError):
    """Nothing in the library matches."""

    code = "item_not_found"


class AmbiguousItemError(ItemError):
    """Several things in the library match."""

    code = "ambiguous_item"


class NotCompleteError(ItemError):
    """The content is not all on this machine yet."""

    code = "not_complete"


class TargetError(ItemError):
    """The place to save to cannot be used."""

    code = "target"


class LimitsError(ItemError):
    """A limit, a budget or a rule of the schedule that is not understood."""

    code = "limits"


class RecoveryError(ItemError):
    """A recovery key, kit, share or activation that cannot be used."""

    code = "recovery"


class LicenceRefusedError(ItemError):
    """The content may not be opened; `code` says why and the message says what to do.

    Codes: revoked, other_device, other_content, expired, not_yet_valid,
    right_absent, bad_signature, changed_bytes, unreadable.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code
