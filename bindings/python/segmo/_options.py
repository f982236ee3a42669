"""Options from keywords, environment and file, in that order, checked by the library."""
import json
import os
from functools import lru_cache
from typing import Any, Dict, List, Optional, Union

from ._core import VERSION, call, ffi, lib, text_from
from .errors import OptionError

_SECONDS = {"": 0.001, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
Path = Union[str, "os.PathLike[str]"]


@lru_cache(maxsize=None)
def _dotted() -> Dict[str, str]:
    """spool_max_bytes is spool.max_bytes: every option's name by the keyword for it."""
    names = [option["name"] for option in json.loads(text_from(lib.segmo_options_json))]
    return {name.replace(".", "_"): name for name in names}


def keywords() -> List[str]:
    return list(_dotted())


def is_passed(keyword: str) -> bool:
    """Is it handed on to librdkafka? Then it is spelt as in the environment: kafka_sasl_username is kafka.sasl.username."""
    return keyword.startswith("kafka_") and keyword not in _dotted()


def new_config(file: Optional[Path], options: Dict[str, Any]) -> Any:
    """A segmo_config; freed with the object. Raises OptionError, IoError, JsonError."""
    out = ffi.new("segmo_config **")
    call(lib.segmo_config_new, out)
    config = ffi.gc(out[0], lib.segmo_config_free)
    file = file or os.environ.get("SEGMO_CONFIG")
    if file:
        call(lib.segmo_config_load, config, os.fsencode(file))
    call(lib.segmo_config_load_env, config)
    for keyword, value in options.items():
        if value is not None:
            _set(config, keyword, value)
    _name_library(config)
    return config


def value_of(config: Any, name: str) -> str:
    """The effective value of an option as text."""
    out = ffi.new("char **")
    call(lib.segmo_config_get, config, name.encode(), out)
    try:
        return str(ffi.string(out[0]), "utf-8") if out[0] else ""
    finally:
        lib.segmo_free(out[0])


def seconds_of(config: Any, name: str) -> float:
    """The effective value of an option that is a time: milliseconds, or with a unit."""
    text = value_of(config, name).strip()
    number = text.rstrip("mshd")
    return float(number) * _SECONDS[text[len(number):]]


def _set(config: Any, keyword: str, value: Any) -> None:
    name = keyword.replace("_", ".") if is_passed(keyword) else _dotted().get(keyword, keyword)
    try:
        call(lib.segmo_config_set, config, name.encode(), _text(keyword, value).encode())
    except OptionError as refused:
        raise _in_keywords(refused) from None


def _text(keyword: str, value: Any) -> str:
    """Only of what has one obvious text: that of bytes or of a SecretStr is not the key that it holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if not isinstance(value, (str, int, float)):
        raise OptionError(f"{keyword} must be text, a number, True, False, a path, a list or a dict, "
                          f"not of type {type(value).__qualname__}; convert it", keyword)
    text = str(value)
    if "\0" in text:
        raise OptionError(f"{keyword} holds a NUL character; take it out", keyword)
    return text


def _in_keywords(refused: OptionError) -> OptionError:
    """The library speaks of spool.dir; a caller wrote, and can write, spool_dir."""
    words = [_keyword(word) for word in refused.message.split(" ")]
    return OptionError(" ".join(words), _keyword(refused.field), refused.retryable)


def _keyword(word: str) -> str:
    bare = word.rstrip(",;:")
    return word.replace(".", "_") if bare in _dotted().values() else word


def _name_library(config: Any) -> None:
    """What context.library says, unless the application named itself."""
    if value_of(config, "library.name") == "segmo":
        call(lib.segmo_config_set, config, b"library.name", b"segmo-python")
        call(lib.segmo_config_set, config, b"library.version", VERSION.encode())
