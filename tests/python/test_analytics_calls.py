"""The six calls of segmo.analytics: what they take, what they answer, what they raise, what arrives."""
import datetime
import decimal
import enum
import fractions
import inspect
import logging
import uuid

import pytest

import segmo
from segmo.analytics import utils
from segmo.analytics.client import Client

AT = datetime.datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)


@pytest.fixture
def idle():
    """A client that sends nothing and checks everything."""
    return Client("WK1", send=False)


@pytest.fixture
def client(sandbox):
    opened = Client("WK1", sandbox.url, upload_interval=0.01)
    yield opened
    opened.join()


def sent_properties(client, sandbox, properties):
    """The properties as they arrive."""
    assert client.track("u-1", "Lamp Lit", properties)[0]
    client.flush()
    return sandbox.messages()[-1]["message"]["properties"]


# ---- arguments and answers ----

COMMON = ["context", "timestamp", "anonymous_id", "integrations", "message_id"]


@pytest.mark.parametrize("method, names", [
    ("identify", ["user_id", "traits", *COMMON]),
    ("track", ["user_id", "event", "properties", *COMMON]),
    ("alias", ["previous_id", "user_id", "context", "timestamp", "integrations", "message_id"]),
    ("group", ["user_id", "group_id", "traits", *COMMON]),
    ("page", ["user_id", "category", "name", "properties", *COMMON]),
    ("screen", ["user_id", "category", "name", "properties", *COMMON]),
])
def test_positional_order_of_each_call(method, names):
    parameters = list(inspect.signature(getattr(Client, method)).parameters.values())[1:]
    assert [parameter.name for parameter in parameters] == names
    assert {parameter.default for parameter in parameters} == {None}


def test_a_call_answers_true_and_the_message(idle):
    accepted, message = idle.track("u-1", "Lamp Lit", {"watts": 9}, {"ip": "192.0.2.1"}, AT, 7, {"All": False}, "m-1")
    assert accepted is True
    assert list(message) == ["integrations", "anonymousId", "properties", "timestamp", "context", "userId", "type",
                             "event", "messageId"]
    assert message == {
        "type": "track", "userId": "u-1", "anonymousId": "7", "event": "Lamp Lit", "properties": {"watts": 9},
        "context": {"ip": "192.0.2.1", "library": {"name": "segmo-python", "version": segmo.__version__}},
        "integrations": {"All": False}, "timestamp": "2020-01-02T03:04:05.678+00:00", "messageId": "m-1"}


def test_the_six_calls_arrive(client, sandbox):
    calls = [client.identify("u-1", {"plan": "a"}), client.track("u-1", "Lamp Lit", {"watts": 9}),
             client.page("u-1", "Docs", "Home", {"path": "/"}), client.screen("u-1", "Docs", "Home"),
             client.group("u-1", "g-1", {"name": "Lamps"}), client.alias("old", "u-1")]
    client.flush()
    arrived = {entry["message"]["messageId"]: entry["message"] for entry in sandbox.messages()}
    assert arrived == {message["messageId"]: message for accepted, message in calls}


def test_ids_become_text(idle):
    for given, text in ((True, "True"), (12345678901234567890, "12345678901234567890"), (8.5, "8.5"), ("", "")):
        assert idle.track("u-1", "Lamp Lit", anonymous_id=given)[1]["anonymousId"] == text
    assert idle.track("u-1", "Lamp Lit", message_id=5)[1]["messageId"] == "5"
    assert idle.track("u-1", "Lamp Lit", message_id=uuid.UUID(int=7))[1]["messageId"] == str(uuid.UUID(int=7))
    assert uuid.UUID(idle.track("u-1", "Lamp Lit")[1]["messageId"]).version == 4
    assert idle.track("u-1", "Lamp Lit", message_id="")[1]["messageId"] == ""


def test_numbers_as_ids_arrive_as_text(client, sandbox):
    client.group("u-1", 42)
    client.alias(7, 8)
    client.flush()
    group, alias = sorted((entry["message"] for entry in sandbox.messages()), key=lambda one: one["type"],
                          reverse=True)
    assert (group["groupId"], alias["previousId"], alias["userId"]) == ("42", "7", "8")


def test_zero_is_no_user_id_but_text_beside_an_anonymous_one(idle):
    with pytest.raises(AssertionError):
        idle.track(0, "Lamp Lit")
    assert idle.track(0, "Lamp Lit", anonymous_id="a-1")[1]["userId"] == "0"


def test_what_is_false_counts_as_an_empty_object(idle):
    message = idle.track("u-1", "Lamp Lit", [], context="", integrations=0)[1]
    assert (message["properties"], message["integrations"]) == ({}, {})
    assert idle.identify("u-1", "")[1]["traits"] == {}


def test_name_and_category_may_be_missing(idle):
    message = idle.page("u-1")[1]
    assert (message["name"], message["category"]) == (None, None)
    assert idle.screen("u-1", "", "")[0]


def test_the_callers_dictionaries_stay_as_they_are(idle):
    context, properties = {"ip": "192.0.2.1"}, {"at": AT, "in": {1, 2}}
    idle.track("u-1", "Lamp Lit", properties, context)
    assert (context, properties) == ({"ip": "192.0.2.1"}, {"at": AT, "in": {1, 2}})


def test_an_application_may_name_its_own_library(idle):
    message = idle.track("u-1", "Lamp Lit", context={"library": {"name": "shop"}})[1]
    assert message["context"]["library"] == {"name": "shop"}


# ---- exceptions ----

IDS = "(<class 'numbers.Number'>, <class 'str'>)"


@pytest.mark.parametrize("method, arguments, more, words", [
    ("identify", [], {}, f"user_id or anonymous_id must have {IDS}, got: None"),
    ("track", [["u"], "Lamp Lit"], {}, f"user_id or anonymous_id must have {IDS}, got: ['u']"),
    ("alias", [None, "u-1"], {}, f"previous_id must have {IDS}, got: None"),
    ("alias", ["old"], {}, f"user_id must have {IDS}, got: None"),
    ("group", ["u-1"], {}, f"group_id must have {IDS}, got: None"),
    ("identify", ["u-1", "text"], {}, "traits must have <class 'dict'>, got: text"),
    ("group", ["u-1", "g-1", 5], {}, "traits must have <class 'dict'>, got: 5"),
    ("track", ["u-1", "Lamp Lit", "text"], {}, "properties must have <class 'dict'>, got: text"),
    ("track", ["u-1"], {}, "event must have <class 'str'>, got: None"),
    ("page", ["u-1", 5], {}, "category must have <class 'str'>, got: 5"),
    ("screen", ["u-1", "Docs", 5], {}, "name must have <class 'str'>, got: 5"),
    ("track", ["u-1", "Lamp Lit"], {"integrations": 5}, "integrations must have <class 'dict'>, got: 5"),
    ("track", ["u-1", "Lamp Lit"], {"context": "text"}, "context must have <class 'dict'>, got: text"),
    ("track", ["u-1", "Lamp Lit"], {"timestamp": "2020-01-02"},
     "timestamp must have <class 'datetime.datetime'>, got: 2020-01-02"),
])
def test_a_wrong_argument_raises_assertion_error(idle, method, arguments, more, words):
    with pytest.raises(AssertionError) as raised:
        getattr(idle, method)(*arguments, **more)
    assert raised.value.args == (words,)


def test_too_large_a_message_raises_runtime_error(idle):
    with pytest.raises(RuntimeError) as raised:
        idle.track("u-1", "Lamp Lit", {"x": "y" * 33000})
    assert raised.value.args[:2] == ("Message exceeds %skb limit. (%s)", "32")
    assert "yyy" in raised.value.args[2]


def test_the_limit_counts_the_bytes_that_are_sent(idle):
    assert idle.track("u-1", "Lamp Lit", {"x": "\u00e9" * 10000})[0]


def test_what_has_no_form_in_json_raises_type_error(idle):
    for properties in ({(1, 2): "x"}, {"x": 1j}, {"x": fractions.Fraction(1, 3)}):
        with pytest.raises(TypeError):
            idle.track("u-1", "Lamp Lit", properties)


# ---- what segmo refuses and the other library sends ----

@pytest.mark.parametrize("call, field", [
    (lambda client: client.track("u-1", ""), "/event"),
    (lambda client: client.alias("", "u-1"), "/previousId"),
    (lambda client: client.track("u-1", "Lamp Lit", message_id="m" * 101), "/messageId"),
    (lambda client: client.track("u-1", "x" * 257), "/event"),
])
def test_a_message_that_segment_would_drop_answers_false(sandbox, caplog, call, field):
    told = []
    client = Client("WK1", sandbox.url, on_error=lambda error, items: told.append((error, items)))
    accepted, message = call(client)
    client.shutdown()
    assert accepted is False
    assert [(error.field, items) for error, items in told] == [(field, [message])]
    assert isinstance(told[0][0], segmo.InvalidError)
    assert any(record.name == "segment" and record.levelno == logging.ERROR for record in caplog.records)
    assert sandbox.stats("segment")["requests"] == 0


# ---- timestamps ----

def test_a_timestamp_has_milliseconds_and_its_own_offset(idle):
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    at = datetime.datetime(2020, 1, 2, 3, 4, 5, 999999, east)
    assert idle.track("u-1", "Lamp Lit", timestamp=at)[1]["timestamp"] == "2020-01-02T03:04:05.999+05:30"
    now = datetime.datetime.fromisoformat(idle.track("u-1", "Lamp Lit")[1]["timestamp"])
    assert abs((datetime.datetime.now(datetime.timezone.utc) - now).total_seconds()) < 60


def test_a_naive_timestamp_is_local_when_it_is_about_now_else_utc(run_python):
    """In a zone that is not UTC."""
    done = run_python("""
import datetime
from segmo.analytics.client import Client
client = Client("WK1", send=False)
for at in datetime.datetime(2020, 1, 2, 3, 4, 5), datetime.datetime.now():
    print(client.track("u-1", "Lamp Lit", timestamp=at)[1]["timestamp"][-6:])
""", TZ="Asia/Kolkata")
    assert done.stdout.split() == ["+00:00", "+05:30"], done.stderr


# ---- values ----

class Colour(enum.Enum):
    RED = "red"


class Size(int, enum.Enum):
    BIG = 3


def test_plain_values_arrive_as_they_are(client, sandbox):
    plain = {"text": "caf\u00e9 \U0001f4a1", "yes": True, "big": 10 ** 30, "float": 0.1, "none": None, "list": [{"a": 1}]}
    assert sent_properties(client, sandbox, plain) == plain


def test_moments_stay_in_the_answer_and_become_text_on_the_wire(client, sandbox):
    naive, day = datetime.datetime(2020, 1, 2, 3, 4, 5), datetime.date(2020, 1, 2)
    assert client.track("u-1", "Lamp Lit", {"x": [naive, AT, day]})[1]["properties"]["x"] == [naive, AT, day]
    assert sent_properties(client, sandbox, {"x": [naive, AT, day]})["x"] == [
        "2020-01-02T03:04:05", "2020-01-02T03:04:05.678901+00:00", "2020-01-02"]


def test_decimals_enumerations_and_collections(client, sandbox):
    given = {"x": [decimal.Decimal("1.50"), Colour.RED, Size.BIG, (1, 2), {3}]}
    assert client.track("u-1", "Lamp Lit", given)[1]["properties"]["x"] == [1.5, "red", 3, [1, 2], [3]]
    assert sent_properties(client, sandbox, given)["x"] == [1.5, "red", 3, [1, 2], [3]]


def test_keys_become_text_on_the_wire(client, sandbox):
    assert client.track("u-1", "Lamp Lit", {1: "a"})[1]["properties"] == {1: "a"}
    assert sent_properties(client, sandbox, {5: "a", 1.5: "b", True: "c", None: "d"}) == {
        "5": "a", "1.5": "b", "true": "c", "null": "d"}


def test_bytes_are_read_as_utf_8(client, sandbox):
    assert sent_properties(client, sandbox, {"x": b"caf\xc3\xa9", "y": bytearray(b"a")}) == {"x": "caf\u00e9", "y": "a"}


def test_what_cannot_be_converted_is_left_out_with_a_warning(client, sandbox, caplog):
    given = {"f": len, "list": [1, object()], "inner": {"error": ValueError("swordfish"), "kept": 1}, "kept": 1}
    assert sent_properties(client, sandbox, given) == {"inner": {"kept": 1}, "kept": 1}
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 3 and '"list"' in warned[1] and "object" in warned[1]
    assert "swordfish" not in caplog.text


def test_more_types_are_converted(client, sandbox):
    assert sent_properties(client, sandbox, {
        "id": uuid.UUID(int=7), "span": datetime.timedelta(seconds=90), "time": datetime.time(3, 4),
        "frozen": frozenset([1])}) == {
        "id": "00000000-0000-0000-0000-000000000007", "span": 90, "time": "03:04:00", "frozen": [1]}


def test_what_would_be_no_json_is_sent_as_null_or_u_fffd(client, sandbox, caplog):
    assert sent_properties(client, sandbox, {"nan": float("nan"), "inf": decimal.Decimal("Infinity"), "bytes": b"a\xff",
                                             "half": "a\ud800b"}) == {
        "nan": None, "inf": None, "bytes": "a\ufffd", "half": "a\ufffdb"}
    assert len([record for record in caplog.records if record.name == "segment"]) == 4


def test_helpers_of_utils():
    assert utils.is_naive(datetime.datetime(2020, 1, 2)) and not utils.is_naive(AT)
    assert utils.total_seconds(datetime.timedelta(minutes=1, microseconds=5)) == 60.000005
    assert utils.remove_trailing_slash("http://host/") == "http://host" == utils.remove_trailing_slash("http://host")
    assert utils.guess_timezone(AT) == AT
    assert utils.clean({"a": (1, decimal.Decimal("2.5")), "b": object()}) == {"a": [1, 2.5]}
    with pytest.raises(TypeError):
        utils.clean(object())
