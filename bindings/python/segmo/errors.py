"""What a call may raise: one class for each status of the library, all of them a SegmoError."""
import builtins
from typing import Type


class SegmoError(Exception):
    """A call was refused; nothing was queued unless the class says otherwise.

    message    what went wrong and what to do, in one sentence, without payload values
    field      a JSON pointer into the message ("/properties/price") or an option's name; "" if neither
    retryable  the same call may succeed later without a change
    status     the library's name of the status, for example "SEGMO_ERR_FULL"
    """

    status: str = "SEGMO_ERR_UNKNOWN"

    def __init__(self, message: str, field: str = "", retryable: bool = False) -> None:
        super().__init__(message, field, retryable)
        self.message = message
        self.field = field
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidError(SegmoError, ValueError):
    """A message or an argument breaks a rule; `field` says where."""

    status = "SEGMO_ERR_INVALID"


class OptionError(SegmoError, ValueError):
    """An option is unknown, malformed or contradicts another; `field` is its name."""

    status = "SEGMO_ERR_OPTION"


class JsonError(SegmoError, ValueError):
    """A text is not the JSON that is accepted here."""

    status = "SEGMO_ERR_JSON"


class TooLargeError(SegmoError, ValueError):
    """A message is over 32,768 bytes of JSON, or a body over its limit."""

    status = "SEGMO_ERR_TOO_LARGE"


class FullError(SegmoError):
    """The spool has no room; the message was not accepted. Retryable."""

    status = "SEGMO_ERR_FULL"


class TimeoutError(SegmoError, builtins.TimeoutError):
    """The time was over before the work was done. From a call: the message is accepted, not yet synced."""

    status = "SEGMO_ERR_TIMEOUT"


class ClosedError(SegmoError):
    """The client was closed."""

    status = "SEGMO_ERR_CLOSED"


class IoError(SegmoError):
    """A file or directory could not be used; the message names it, its owner and its mode."""

    status = "SEGMO_ERR_IO"


class OutOfMemoryError(SegmoError, MemoryError):
    """Memory ran out."""

    status = "SEGMO_ERR_MEMORY"


class NotFoundError(SegmoError, LookupError):
    """Nothing has that name or id, for example a source."""

    status = "SEGMO_ERR_NOT_FOUND"


class UnsupportedError(SegmoError):
    """This build, this mode or this interpreter cannot do that."""

    status = "SEGMO_ERR_UNSUPPORTED"


_BY_STATUS = {error.status: error for error in SegmoError.__subclasses__()}


def class_of(status: str) -> Type[SegmoError]:
    """The class for a status's name; SegmoError itself for one that is newer than this package."""
    return _BY_STATUS.get(status, SegmoError)
