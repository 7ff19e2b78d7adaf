"""What can go wrong with uploads, sealing and custody.

* MarketplaceError
  + NotFoundError
    - DraftNotFoundError       no such draft, or not yours
    - UploadNotFoundError      no such upload, not yours, or expired
    - PackageNotFoundError
  + ConflictError
    - DraftClosedError         its files are being sealed or are sealed
    - UploadBusyError          another connection writes to this upload
    - UploadOffsetError        the next byte expected is another one
    - SealingRunningError      another worker seals this draft now
  + InvalidError
    - EmptyFileError
    - FileTooLargeError
    - TooManyFilesError
    - NoSpaceError             the shop's disk is too full
      - QuotaError             the seller's own unpublished files are too many bytes
    - NoFilesError             nothing to seal
    - UploadsUnfinishedError
    - SaveRequiredError        a file has no player here, and saving is not allowed
  + CustodyError               the shop's own keys are missing or unsafe: for the operator
    - NoIssuerError            no key is certified to sign now: the offline root has to
    - RootRefusedError         what came from the offline root does not belong here
  + SealingStoppedError        the worker was told to end; the job runs again
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, MarketplaceError, NotFoundError

__all__ = [
    "CustodyError",
    "DraftClosedError",
    "DraftNotFoundError",
    "EmptyFileError",
    "FileTooLargeError",
    "NoFilesError",
    "NoIssuerError",
    "NoSpaceError",
    "PackageNotFoundError",
    "QuotaError",
    "RootRefusedError",
    "SaveRequiredError",
    "SealingRunningError",
    "SealingStoppedError",
    "TooManyFilesError",
    "UploadBusyError",
    "UploadNotFoundError",
    "UploadOffsetError",
    "UploadsUnfinishedError",
]


class DraftNotFoundError(NotFoundError):
    code = "draft_not_found"


class UploadNotFoundError(NotFoundError):
    code = "upload_not_found"


class PackageNotFoundError(NotFoundError):
    code = "package_not_found"


class DraftClosedError(ConflictError):
    code = "draft_closed"


class UploadBusyError(ConflictError):
    code = "upload_busy"


class UploadOffsetError(ConflictError):
    code = "upload_offset"


class SealingRunningError(ConflictError):
    code = "sealing_running"


class EmptyFileError(InvalidError):
    code = "empty_file"


class FileTooLargeError(InvalidError):
    code = "file_too_large"


class TooManyFilesError(InvalidError):
    code = "too_many_files"


class NoSpaceError(InvalidError):
    code = "no_space"


class QuotaError(NoSpaceError):
    code = "quota"


class NoFilesError(InvalidError):
    code = "no_files"


class UploadsUnfinishedError(InvalidError):
    code = "uploads_unfinished"


class SaveRequiredError(InvalidError):
    """`names` are the files that nothing here plays."""

    code = "save_required"

    def __init__(self, message: str, *, names: list[str]) -> None:
        super().__init__(message)
        self.names = names


class CustodyError(MarketplaceError):
    code = "custody"


class NoIssuerError(CustodyError, ConflictError):
    code = "no_issuer"


class RootRefusedError(CustodyError):
    code = "root_refused"


class SealingStoppedError(MarketplaceError):
    code = "sealing_stopped"
