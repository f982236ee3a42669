"""The values of tests/vectors/convert as Python has them."""
import collections
import datetime
import decimal
import enum
import ipaddress
import pathlib
import uuid
from dataclasses import make_dataclass


class Unknown:
    """In no table."""


class Text(str):
    pass


class TextState(str, enum.Enum):
    pass


class Mapping(collections.abc.Mapping):
    def __init__(self, items):
        self._items = dict(items)

    def __getitem__(self, key):
        return self._items[key]

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)


class NotInstalled(Exception):
    """The value needs a package that is not there."""


def build(value):
    """A value of a vector; raises NotInstalled when it needs a package that is missing."""
    if isinstance(value, list):
        return [build(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: build(item) for key, item in value.items()}
    members = dict(value)
    return MAKERS[members.pop("$")](**members)


def key(value):
    made = build(value)
    return tuple(made) if isinstance(made, list) else made


def imported(name):
    try:
        return __import__(name)
    except ImportError:
        raise NotInstalled(name) from None


def make_enum(value, mixin=None):
    base = {"string": TextState, "integer": enum.IntEnum, None: enum.Enum}[mixin]
    return base("State", {"MEMBER": build(value)}).MEMBER


def named_tuple(fields):
    return collections.namedtuple("Point", fields)(**fields)


def dataclass(fields):
    values = {name: build(value) for name, value in fields.items()}
    return make_dataclass("Line", list(values))(**values)


def attrs(fields):
    attr = imported("attr")
    return attr.make_class("Line", list(fields))(*(build(value) for value in fields.values()))


def pydantic(fields):
    values = {name: build(value) for name, value in fields.items()}
    module = imported("pydantic")
    return module.create_model("Line", **{name: (type(value), ...) for name, value in values.items()})(**values)


def numpy(dtype, text):
    module = imported("numpy")
    if dtype == "bool_":
        return module.bool_(text == "True")
    return getattr(module, dtype)(float(text) if "float" in dtype else text)


def lazy_text(text):
    imported("django")
    from django.utils.functional import lazystr
    return lazystr(text)


def model(id):
    imported("django")
    import django_models
    return django_models.Thing(id=id)


def circular():
    ring = []
    ring.append(ring)
    return ring


MAKERS = {
    "integer": lambda text: int(text),
    "float": lambda text: float(text),
    "decimal": lambda text: decimal.Decimal(text),
    "string_subclass": lambda text: Text(text),
    "datetime": lambda iso: datetime.datetime.fromisoformat(iso),
    "naive_datetime": lambda iso: datetime.datetime.fromisoformat(iso),
    "date": lambda iso: datetime.date.fromisoformat(iso),
    "time": lambda iso: datetime.time.fromisoformat(iso),
    "duration": lambda seconds: datetime.timedelta(seconds=float(seconds)),
    "uuid": lambda text: uuid.UUID(text),
    "enum": make_enum,
    "ip_address": lambda text: ipaddress.ip_address(text),
    "path": lambda text: pathlib.PurePosixPath(text),
    "bytes": lambda hex: bytes.fromhex(hex),
    "lone_surrogate": lambda: "a\ud800",
    "list": lambda items: build(items),
    "tuple": lambda items: tuple(build(items)),
    "named_tuple": named_tuple,
    "set": lambda items: set(build(items)),
    "frozen_set": lambda items: frozenset(build(items)),
    "deque": lambda items: collections.deque(build(items)),
    "mapping": lambda items: Mapping((key(name), build(value)) for name, value in items),
    "map": lambda items: {key(name): build(value) for name, value in items},
    "dataclass": dataclass,
    "attrs": attrs,
    "pydantic": pydantic,
    "numpy": numpy,
    "lazy_text": lazy_text,
    "model": model,
    "unknown": Unknown,
    "range": lambda first, last: range(first, last),
    "function": lambda: build,
    "exception": lambda text: ValueError(text),
    "complex": lambda real, imaginary: complex(real, imaginary),
    "circular": circular,
}
