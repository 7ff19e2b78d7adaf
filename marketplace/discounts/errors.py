"""What can go wrong with discount codes; each message is a sentence for its reader.

* MarketplaceError
  + NotFoundError
    - CodeNotFoundError      no such code, or not yours (the seller's pages)
  + ConflictError
    - CodeTakenError         another code reads the same
    - CodeNotUsableError     the buyer cannot use it; `code` says why:
      * CodeUnknownError       nobody has made it
      * CodeNotBegunError      its time has not come
      * CodeOverError          its time is past, or it was switched off
      * CodeUsedUpError        its last use is taken
      * CodeUsedByYouError     this buyer has had their share
      * CodeNotForTheseError   it is for other items
      * CodeMinimumError       the items cost less than it asks
  + InvalidError
    - CodeTermsError         the code does not fit together; `field` says where
"""

from __future__ import annotations

from marketplace.core.errors import ConflictError, InvalidError, NotFoundError

__all__ = [
    "CodeMinimumError",
    "CodeNotBegunError",
    "CodeNotForTheseError",
    "CodeNotFoundError",
    "CodeNotUsableError",
    "CodeOverError",
    "CodeTakenError",
    "CodeTermsError",
    "CodeUnknownError",
    "CodeUsedByYouError",
    "CodeUsedUpError",
]


class CodeNotFoundError(NotFoundError):
    code = "code_not_found"


class CodeTakenError(ConflictError):
    code = "code_taken"


class CodeNotUsableError(ConflictError):
    code = "code_not_usable"


class CodeUnknownError(CodeNotUsableError):
    code = "code_unknown"


class CodeNotBegunError(CodeNotUsableError):
    code = "code_not_begun"


class CodeOverError(CodeNotUsableError):
    code = "code_over"


class CodeUsedUpError(CodeNotUsableError):
    code = "code_used_up"


class CodeUsedByYouError(CodeNotUsableError):
    code = "code_used_by_you"


class CodeNotForTheseError(CodeNotUsableError):
    code = "code_not_for_these"


class CodeMinimumError(CodeNotUsableError):
    code = "code_minimum"


class CodeTermsError(InvalidError):
    code = "code_terms"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
