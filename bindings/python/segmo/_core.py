"""The dull layer: the compiled library, its errors as exceptions, its strings as text."""
import importlib.util
from types import ModuleType
from typing import Any, Callable, Optional

from . import _native
from .errors import SegmoError, class_of

ffi: Any = _native.ffi
lib: Any = _native.lib


def _text(string: Any) -> str:
    return str(ffi.string(string), "utf-8", "replace")


def _same_file(name: str) -> ModuleType:
    """A second module that lives in the shared object of `_native`."""
    spec = importlib.util.spec_from_file_location(f"{__package__}.{name}", _native.__file__)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check_version() -> str:
    """A linked library that is older than the header would lack functions or answer differently."""
    built, runs = _text(lib.SEGMO_VERSION), _text(lib.segmo_version())
    older = [int(part) for part in runs.split(".")] < [int(part) for part in built.split(".")]
    if lib.segmo_abi_version() != lib.SEGMO_ABI_VERSION or older:
        raise ImportError(f"segmo was built with libsegmo {built} and finds libsegmo {runs}: install that version, "
                          f"or build the package again")
    return runs


VERSION = _check_version()
_hot: Any = _same_file("_hot")
#: enqueue(client address, source's id or None, message) -> 0, 1 (sync wanted) or the address of an error. Keeps the GIL.
enqueue: Callable[[int, Optional[str], bytes], int] = _hot.enqueue
#: encode(value, convert) -> JSON; what is not plain goes through `convert`.
encode: Callable[[Any, Callable[[Any], Any]], bytes] = _hot.encode
SYNC_WANTED: int = lib.SEGMO_SYNC_WANTED


def error_at(address: int) -> SegmoError:
    """The exception for a segmo_error, which is freed."""
    return _exception(ffi.cast("segmo_error *", address))


def _exception(error: Any) -> SegmoError:
    try:
        name = _text(lib.segmo_status_name(lib.segmo_error_status(error)))
        exception = class_of(name)(_text(lib.segmo_error_message(error)), _text(lib.segmo_error_field(error)),
                                   lib.segmo_error_retryable(error) == 1)
        exception.status = name
        return exception
    finally:
        lib.segmo_error_free(error)


def call(function: Any, *arguments: Any) -> int:
    """Calls a function whose last parameter is `segmo_error **err`; raises for a negative status."""
    error = ffi.new("segmo_error **")
    status: int = function(*arguments, error)
    if status < 0:
        raise _exception(error[0])
    return status


def text_from(function: Any, *arguments: Any) -> bytes:
    """Calls a function that hands out text through `char **out, size_t *out_len`."""
    out, length = ffi.new("char **"), ffi.new("size_t *")
    call(function, *arguments, out, length)
    try:
        return bytes(ffi.buffer(out[0], length[0]))
    finally:
        lib.segmo_free(out[0])
