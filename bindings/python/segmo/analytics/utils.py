"""Helpers with the names they have in segment.analytics.utils."""
import datetime
import enum
import logging
import math
import numbers
from decimal import Decimal
from typing import Any, Dict, Iterable, List

from .._convert import _Refused, class_name, convert

log = logging.getLogger("segment")
NOW_S = 5  # a naive moment that is no older was made by datetime.now()
_PLAIN = frozenset((str, bool, int, type(None), datetime.datetime, datetime.date))


def is_naive(dt: datetime.datetime) -> bool:
    """Whether a moment has no zone."""
    return dt.utcoffset() is None


def total_seconds(delta: datetime.timedelta) -> float:
    return delta.total_seconds()


def guess_timezone(dt: datetime.datetime) -> datetime.datetime:
    """The moment with a zone: a naive one is local when it is about now (or later), else UTC."""
    if not is_naive(dt):
        return dt
    naive = dt.replace(tzinfo=None)
    if (datetime.datetime.now() - naive).total_seconds() < NOW_S:
        return naive.astimezone()
    return naive.replace(tzinfo=datetime.timezone.utc)


def remove_trailing_slash(host: str) -> str:
    return host[:-1] if host.endswith("/") else host


def clean(item: Any) -> Any:
    """A copy made of what JSON has, and of moments and dates, which become text on the wire.

    What docs/reference/conversion.md knows is converted. Anything else is left out: the key that holds it
    (or holds the list with it) is dropped with a warning. Raises TypeError when `item` itself is such a thing.
    """
    if type(item) in _PLAIN:
        return item
    if isinstance(item, (float, Decimal)):
        return _number(float(item))
    if isinstance(item, dict):
        return _clean_dict(item)
    if isinstance(item, (list, tuple, set, frozenset)):
        return _clean_list(item)
    if isinstance(item, (str, int, datetime.date)):
        return item
    if isinstance(item, enum.Enum):
        return clean(item.value)
    if isinstance(item, (bytes, bytearray)):
        return _text(item)
    return _converted(item)


def _clean_list(items: Iterable[Any]) -> List[Any]:
    return [clean(item) for item in items]


def _clean_dict(items: Dict[Any, Any]) -> Dict[Any, Any]:
    data = {}
    for key, value in items.items():
        if type(value) in _PLAIN:
            data[key] = value
            continue
        try:
            data[key] = clean(value)
        except TypeError as refused:
            log.warning('The value of "%s" is left out: it %s', key, refused)
    return data


def _number(number: float) -> Any:
    if math.isfinite(number):
        return number
    log.warning("A number that is not finite is sent as null: JSON has no %r", number)
    return None


def _text(text: Any) -> str:
    try:
        return str(text, "utf-8")
    except UnicodeDecodeError:
        log.warning("Bytes that are not UTF-8 are sent with U+FFFD in their place")
        return str(text, "utf-8", "replace")


def _converted(item: Any) -> Any:
    if isinstance(item, numbers.Number) and type(item).__module__ in ("builtins", "fractions"):
        return item  # complex and Fraction: the encoder raises TypeError to the caller
    try:
        step = convert(item)
    except _Refused as refused:
        raise TypeError(str(refused)) from None
    if step is item:
        raise TypeError(f"is of type {class_name(item)}, which has no form in JSON")
    return clean(step)
