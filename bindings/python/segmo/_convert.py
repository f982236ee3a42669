"""Values of the host as JSON, by the table of docs/reference/conversion.md.

An encoder in C does the work and asks `convert` for what it does not know, so that a message of plain
types is never walked in Python. What the encoder cannot finish is written again by `_Writer`, step by
step: it knows where it stands, so it names the place of what has to be refused, and writes what the
encoder has no form for (decimals of many digits, keys that are not text).
"""
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from json import encoder as json_encoder
from typing import Any, Callable, Dict, List, Tuple

from . import _core
from .errors import InvalidError

try:
    orjson: Any = import_module("orjson")
except ImportError:  # the extra segmo[fast]
    orjson = None

quoted: Callable[[str], str] = vars(json_encoder)["encode_basestring"]
DEEPEST = 64  # the library's own limit


class _Refused(Exception):
    """Has no form in JSON; the words say why."""


class _Digits(Exception):
    """A number that only the writer can write."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as JSON in UTF-8. Raises InvalidError: the field is the JSON pointer of what has no form."""
    try:
        return _encode(message)
    except Exception:  # whatever a host's object raised, the writer meets it again and says where
        return _Writer().document(message)


# ---- one step of the table ------------------------------------------------------------------------

def convert(value: Any) -> Any:
    """The value one step closer to JSON: plain, or made of parts that are converted in their turn."""
    return _converter(value.__class__)(value)  # what a lazy object stands for, where type() would say "lazy"


@lru_cache(maxsize=1024)
def _converter(type_: Any) -> Callable[[Any], Any]:
    for base in type_.__mro__:
        known = _BY_NAME.get(f"{base.__module__}.{base.__qualname__}")
        if known:
            return known
    for mark, known in _BY_MARK:
        if hasattr(type_, mark):
            return known
    if issubclass(type_, Mapping):
        return _members
    return _refuse


def _refuse(value: Any) -> Any:
    raise _Refused(f"is of type {class_name(value)}, which has no form in JSON; convert it before the call")


def _moment(value: Any) -> str:
    """Naive moments count as UTC. Subclasses with texts of their own (pandas) are asked for their parts."""
    from datetime import datetime
    if value != value:
        raise _Refused("is no moment (NaT); leave it out")
    text = datetime.isoformat(value)
    if text.endswith("+00:00"):
        return text[:-6] + "Z"
    return text if value.utcoffset() is not None else text + "Z"


def _decimal(value: Any) -> Any:
    """As int or float where these say exactly the same, else in digits."""
    if not value.is_finite() or value.adjusted() > 308 or value.adjusted() < -400:
        raise _Refused("is a number that JSON cannot carry (not finite, or too large); leave it out or send text")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if "." not in text:
        return int(text)
    number = float(text)
    if float.__repr__(number) == text:
        return number
    raise _Digits(text)


def _seconds(value: Any) -> Any:
    return value.total_seconds() if value.microseconds else value.days * 86400 + value.seconds


def _bytes(value: Any) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise _Refused("holds bytes that are not UTF-8; send text, for example base64") from None


def _model_id(value: Any) -> Any:
    if value.pk is None:
        raise _Refused(f"is an unsaved {class_name(value)}, which has no id yet; save it first")
    return value.pk


def _numpy_scalar(value: Any) -> Any:
    """numpy itself hands out bare counts for nanoseconds, and a long double for a long double."""
    kind = value.dtype.kind
    if kind in "mM":
        plain = value.astype(f"{kind}8[us]").item()
        if plain is None or isinstance(plain, int):
            raise _Refused("is no moment or span that Python can name (NaT, or too far away); leave it out")
        return plain
    if kind == "f":
        return float(value)
    plain = value.item()
    return _refuse(value) if type(plain) is type(value) else plain


def _numpy_array(value: Any) -> Any:
    if value.dtype.kind not in "mM":
        return value.tolist()
    return list(value) if value.ndim else value[()]


def _members(value: Any) -> Dict[Any, Any]:
    """By items(), because a subclass may order them in its own way."""
    return dict(value.items())


def _dataclass(value: Any) -> Dict[str, Any]:
    from dataclasses import fields
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _attrs(value: Any) -> Dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in value.__attrs_attrs__}


def _pydantic(value: Any) -> Any:
    return {name: getattr(value, name) for name in getattr(type(value), "model_fields", None) or value.__fields__}


# By name, so that nothing has to be imported to be recognised.
_BY_NAME: Dict[str, Callable[[Any], Any]] = {
    "builtins.str": str.__str__, "builtins.int": int.__index__, "builtins.list": list,
    "builtins.float": float, "builtins.tuple": list, "builtins.set": list, "builtins.frozenset": list,
    "builtins.bytes": _bytes, "builtins.bytearray": _bytes, "collections.deque": list,
    "decimal.Decimal": _decimal, "uuid.UUID": str, "enum.Enum": lambda value: value.value,
    "datetime.datetime": _moment, "datetime.date": lambda value: value.isoformat(),
    "datetime.time": lambda value: value.isoformat(), "datetime.timedelta": _seconds,
    "ipaddress._IPAddressBase": str, "pathlib.PurePath": str, "pathlib._local.PurePath": str,
    "numpy.generic": _numpy_scalar, "numpy.ndarray": _numpy_array,
    "django.utils.functional.Promise": str, "django.db.models.base.Model": _model_id,
    "pydantic.main.BaseModel": _pydantic, "pydantic.v1.main.BaseModel": _pydantic,
}
_BY_MARK: Tuple[Tuple[str, Callable[[Any], Any]], ...] = (
    ("__dataclass_fields__", _dataclass), ("__attrs_attrs__", _attrs))


def class_name(value: Any) -> str:
    type_ = type(value)
    return type_.__qualname__ if type_.__module__ == "builtins" else f"{type_.__module__}.{type_.__qualname__}"


# ---- the fast way ---------------------------------------------------------------------------------

def _encode_own(message: Any) -> bytes:
    return _core.encode(message, convert)


def _orjson_encoder() -> Callable[[Any], bytes]:
    """orjson writes null for NaN, so a text with a null in it is written by the package's own encoder."""
    dumps = orjson.dumps
    option = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS

    def encode_fast(message: Any) -> bytes:
        try:
            text: bytes = dumps(message, convert, option)
        except TypeError:  # integers of more than 64 bits, keys that are not text, and what is refused
            return _encode_own(message)
        return _encode_own(message) if b"null" in text else text

    return encode_fast


_encode = _orjson_encoder() if orjson else _encode_own


# ---- the exact way --------------------------------------------------------------------------------

class _Writer:
    """Writes a document piece by piece and knows the path of each."""

    def __init__(self) -> None:
        self.out: List[str] = []
        self.path: List[str] = []

    def document(self, value: Any) -> bytes:
        self.value(value)
        return "".join(self.out).encode()

    def value(self, value: Any) -> None:
        if value is None or value is True or value is False:
            self.out.append("null" if value is None else "true" if value else "false")
        elif isinstance(value, (str, int, float)):
            self.out.append(self.scalar(value))
        elif isinstance(value, dict):
            self.object(value)
        elif isinstance(value, list):
            self.array(value)
        else:
            self.other(value)

    def scalar(self, value: Any) -> str:
        if isinstance(value, str):
            return quoted(self.text(value))
        if isinstance(value, float):
            return self.finite(value)
        try:
            return int.__repr__(value)
        except ValueError:  # the interpreter writes no integers of more than some thousand digits
            raise self.refusal("is an integer of too many digits; send it as text") from None

    def text(self, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self.refusal("holds half of a surrogate pair, which is no text; leave it out") from None
        return value

    def finite(self, value: float) -> str:
        if value != value or value in (float("inf"), float("-inf")):
            raise self.refusal(f"is {float.__repr__(value)}, which JSON has not; leave it out or send null")
        return float.__repr__(value)

    def other(self, value: Any) -> None:
        converted = self.converted(value)
        if isinstance(converted, _Digits):
            self.out.append(converted.text)
        else:
            self.value(converted)

    def converted(self, value: Any) -> Any:
        try:
            return convert(value)
        except _Digits as digits:
            return digits
        except _Refused as refused:
            raise self.refusal(str(refused)) from None

    def object(self, value: Dict[Any, Any]) -> None:
        before = "{"
        for key, item in value.items():
            name = self.key(key)
            self.out.append(f"{before}{quoted(name)}:")
            self.inside(name, item)
            before = ","
        self.out.append("{}" if before == "{" else "}")

    def array(self, value: List[Any]) -> None:
        before = "["
        for index, item in enumerate(value):
            self.out.append(before)
            self.inside(str(index), item)
            before = ","
        self.out.append("[]" if before == "[" else "]")

    def inside(self, name: str, item: Any) -> None:
        self.path.append(name)
        if len(self.path) > DEEPEST + 1:
            raise self.refusal(f"is nested deeper than {DEEPEST} levels, or holds itself; flatten it")
        self.value(item)
        self.path.pop()

    def key(self, key: Any) -> str:
        if isinstance(key, str):
            return self.text(key)
        if key is None or key is True or key is False:
            return "null" if key is None else "true" if key else "false"
        if isinstance(key, (int, float)):
            return self.scalar(key)
        converted = self.converted(key)
        if isinstance(converted, _Digits):
            return converted.text
        if isinstance(converted, (str, int, float)):
            return self.key(converted)
        raise self.refusal(f"has a key of type {class_name(key)}, which is no text; use its text")

    def refusal(self, words: str) -> InvalidError:
        pointer = "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in self.path)
        return InvalidError(f"the value {words}", pointer)
