"""One list of calls for segment.analytics and for what takes its place: prints what each answers, as JSON.

    python analytics_cases.py segment.analytics|segmo.analytics [URL of a sandbox]
"""
import datetime
import decimal
import enum
import importlib
import inspect
import json
import logging
import sys
import uuid

AT = datetime.datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))


class Colour(enum.Enum):
    RED = "red"


class Size(int, enum.Enum):
    BIG = 3


# (method, positional arguments, keyword arguments); each also gets timestamp and message_id unless it has them
SAME = [
    ("identify", ["u-1", {"plan": "a"}, {"ip": "192.0.2.1"}, AT, "a-1", {"All": False}, "m-1"], {}),
    ("track", ["u-1", "Lamp Lit", {"watts": 9}, {"ip": "192.0.2.1"}, AT, "a-1", {"All": False}, "m-2"], {}),
    ("alias", ["old", "u-1", {"ip": "192.0.2.1"}, AT, {"All": False}, "m-3"], {}),
    ("group", ["u-1", "g-1", {"name": "Lamps"}, {"ip": "192.0.2.1"}, AT, "a-1", {"All": False}, "m-4"], {}),
    ("page", ["u-1", "Docs", "Home", {"path": "/"}, {"ip": "192.0.2.1"}, AT, "a-1", {"All": False}, "m-5"], {}),
    ("screen", ["u-1", "Docs", "Home", {"path": "/"}, {"ip": "192.0.2.1"}, AT, "a-1", {"All": False}, "m-6"], {}),
    ("identify", ["u-1"], {}),
    ("track", [], {"anonymous_id": "a-1", "event": "Lamp Lit"}),
    ("page", ["u-1"], {}),
    ("screen", ["u-1"], {"name": "", "category": ""}),
    ("group", ["u-1", 42], {}),
    ("alias", [7, 8.5], {}),
    ("track", [True, "Lamp Lit"], {}),
    ("track", [0, "Lamp Lit"], {"anonymous_id": "a-1"}),
    ("track", [12345678901234567890, "Lamp Lit"], {}),
    ("track", ["u-1", "Lamp Lit", []], {"context": "", "integrations": []}),
    ("track", ["u-1", "Lamp Lit"], {"message_id": 5}),
    ("track", ["u-1", "Lamp Lit"], {"message_id": uuid.UUID(int=7)}),
    ("track", ["u-1", "Lamp Lit"], {"timestamp": datetime.datetime(2020, 1, 2, 3, 4, 5)}),
    ("track", ["u-1", "Lamp Lit"], {"timestamp": datetime.datetime(2020, 1, 2, 3, 4, 5, 999999, EAST)}),
    ("track", ["u-1", "Lamp Lit", {"x": [datetime.datetime(2020, 1, 2, 3, 4, 5, 6), AT, datetime.date(2020, 1, 2)]}], {}),
    ("track", ["u-1", "Lamp Lit", {"x": [Colour.RED, Size.BIG, decimal.Decimal("1.50"), (1, 2), {3}]}], {}),
    ("track", ["u-1", "Lamp Lit", {"x": b"caf\xc3\xa9", "y": "caf\u00e9 \U0001f4a1", "z": 10 ** 30}], {}),
    ("track", ["u-1", "Lamp Lit", {1: "a", 1.5: "b", True: "c", None: "d"}], {}),
    ("track", ["u-1", "Lamp Lit", {"x": {"inner": lambda: 1, "kept": 1}, "f": ValueError()}], {}),
    ("track", ["u-1", "Lamp Lit", {"x": [1, object()], "kept": 1}], {}),
    ("identify", [], {}), ("identify", [0], {}), ("identify", [""], {}), ("identify", [["u"]], {}),
    ("identify", ["u-1", "traits"], {}), ("identify", ["u-1"], {"context": "text"}),
    ("identify", ["u-1"], {"integrations": 5}), ("identify", ["u-1"], {"timestamp": "2020-01-02"}),
    ("identify", ["u-1"], {"timestamp": datetime.date(2020, 1, 2)}), ("identify", ["u-1"], {"timestamp": 1577934245}),
    ("track", ["u-1"], {}), ("track", ["u-1", 5], {}), ("track", ["u-1", "Lamp Lit", "props"], {}),
    ("track", [None, "Lamp Lit"], {}), ("alias", [None, "u-1"], {}), ("alias", ["old"], {}),
    ("group", ["u-1"], {}), ("group", ["u-1", "g-1", "traits"], {}), ("page", [], {}), ("page", ["u-1", 5], {}),
    ("page", ["u-1", "Docs", 5], {}), ("screen", ["u-1", "Docs", "Home", "props"], {}),
    ("track", ["u-1", "Lamp Lit", {(1, 2): "x"}], {}), ("track", ["u-1", "Lamp Lit", {"x": 1j}], {}),
    ("track", ["u-1", "Lamp Lit", {"x": "y" * 33000}], {}),
    ("track", ["u-1", "Lamp Lit"], {"unknown": 1}), ("blink", ["u-1"], {}),
]


def call(client, method, arguments, more):
    try:
        names = inspect.signature(getattr(client, method)).parameters
    except AttributeError as error:
        return type(error).__name__
    given = set(list(names)[:len(arguments)]) | set(more)
    more = {**{name: value for name, value in (("timestamp", AT), ("message_id", "m-0")) if name not in given}, **more}
    try:
        accepted, message = getattr(client, method)(*arguments, **more)
    except Exception as error:
        words = [str(word) for word in error.args]
        return [type(error).__name__, [word if len(word) < 300 else "long" for word in words]]
    message["context"]["library"] = "its own"
    return [accepted, repr(message)]


def shape(function):
    return [(name, str(parameter.kind), repr(parameter.default))
            for name, parameter in inspect.signature(function).parameters.items()]


def describe(analytics, client_class):
    methods = ("identify", "track", "alias", "group", "page", "screen")
    settings = [name for name in vars(client_class.DefaultConfig) if not name.startswith("_")]
    return {
        "parameters": shape(client_class.__init__),
        "methods": {name: shape(getattr(client_class, name)) for name in methods},
        "defaults": {name: repr(getattr(client_class.DefaultConfig, name)) for name in settings},
        "module": {name: repr(getattr(analytics, name)) for name in settings if hasattr(analytics, name)},
        "version": analytics.__version__,
    }


def main(name, url=None):
    logging.getLogger("segment").setLevel(logging.CRITICAL)
    analytics = importlib.import_module(name)
    client_class = importlib.import_module(name + ".client").Client
    client = client_class("WK1", send=False)
    answers = {"described": describe(analytics, client_class),
               "answers": [call(client, *case) for case in SAME]}
    client.flush()
    if url:
        sending = client_class("WK1", url)
        for number, (method, arguments, more) in enumerate(SAME[:26]):
            call(sending, method, arguments, {**more, "message_id": f"sent-{number}"} if len(arguments) < 6 else more)
        sending.shutdown()
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
