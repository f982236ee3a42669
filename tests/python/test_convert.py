"""Host values become JSON by the table that Python and Ruby share; orjson changes nothing but the speed."""
import json
import random
import sys
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path

import pytest
import tagged

import segmo
from segmo import _convert

VECTORS = Path(__file__).resolve().parents[1] / "vectors/convert"
CASES = [(path.stem, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(VECTORS.glob("*.json"))]
MINE = [pytest.param(case, id=name) for name, case in CASES if "python" in case.get("only", ["python"])]


@pytest.fixture(params=["own", "orjson"] if _convert.orjson else ["own"])
def encoder(request, monkeypatch):
    """`encode` with one JSON library or the other."""
    if request.param == "own":
        monkeypatch.setattr(_convert, "_encode", _convert._encode_own)
    return _convert.encode


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A client without a network, for what the library refuses itself."""
    with segmo.Client(segment_write_key="WK1", spool_memory_only=True, delivery_enabled=False) as client:
        yield client


def message(value):
    return {"type": "track", "userId": "u-7", "event": "Lamp Lit", "properties": {"x": value}}


def built(case):
    try:
        return tagged.build(case["value"])
    except tagged.NotInstalled as missing:
        pytest.skip(f"not run: {missing} is not installed")


def test_there_are_cases():
    assert len(MINE) > 80


def test_orjson_is_compared_too():
    if not _convert.orjson:
        pytest.skip("not run: orjson is not installed (pip install orjson), so its results are not compared")
    assert _convert._encode is not _convert._encode_own


@pytest.mark.parametrize("case", MINE)
def test_vector(case, encoder, judge):
    value = built(case)
    if "json" in case:
        text = encoder(message(value)).decode()
        assert text == '{"type":"track","userId":"u-7","event":"Lamp Lit","properties":{"x":%s}}' % case["json"]
        judge.explain(message(value))
        return
    with pytest.raises(segmo.SegmoError) as refused:
        judge.explain(message(value))
    assert refused.value.field == case["error"].get("path", refused.value.field)
    assert case["error"].get("class", "") in refused.value.message
    assert not refused.value.retryable


@pytest.fixture
def numpy():
    try:
        return tagged.imported("numpy")
    except tagged.NotInstalled as missing:
        pytest.skip(f"not run: {missing} is not installed")


def test_units_of_numpy_do_not_change_what_a_value_means(encoder, numpy):
    """pandas counts in nanoseconds, for which numpy has no object of Python."""
    for unit in ("s", "ms", "us", "ns"):
        moment = numpy.datetime64("2026-01-02T03:04:05", unit)
        span = numpy.timedelta64(90, "s").astype(f"timedelta64[{unit}]")
        values = [moment, span, numpy.array([moment]), numpy.array([[span]]), numpy.array(moment)]
        assert json.loads(encoder(message(values)))["properties"]["x"] == [
            "2026-01-02T03:04:05Z", 90, ["2026-01-02T03:04:05Z"], [[90]], "2026-01-02T03:04:05Z"]


def test_a_long_double_is_the_nearest_float(encoder, numpy):
    value = [numpy.longdouble(1.5), numpy.array([2.5], dtype=numpy.longdouble)]
    assert json.loads(encoder(message(value)))["properties"]["x"] == [1.5, [2.5]]


@pytest.mark.parametrize("made", [
    lambda numpy: numpy.datetime64("NaT"), lambda numpy: numpy.timedelta64("NaT"),
    lambda numpy: numpy.datetime64("20000-01-01"), lambda numpy: numpy.longdouble("nan"),
    lambda numpy: numpy.clongdouble(1), lambda numpy: numpy.array(["NaT"], dtype="M8[ns]")])
def test_what_numpy_has_and_json_has_not_is_refused(encoder, numpy, made):
    with pytest.raises(segmo.InvalidError) as refused:
        encoder(message(made(numpy)))
    assert refused.value.field.startswith("/properties/x")


def test_a_refused_value_is_not_quoted(judge):
    with pytest.raises(segmo.InvalidError) as refused:
        judge.track("u-7", "Lamp Lit", {"secret": [object()], "password": "swordfish"})
    assert refused.value.field == "/properties/secret/0"
    assert "swordfish" not in str(refused.value)


def test_what_a_host_object_raises_reaches_the_caller(judge):
    class Broken(tagged.Mapping):
        def __iter__(self):
            raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        judge.track("u-7", "Lamp Lit", {"x": Broken([("a", 1)])})


def test_plain_messages_are_not_walked_in_python(encoder, monkeypatch):
    def never(*_):
        raise AssertionError("walked")
    monkeypatch.setattr(_convert, "_Writer", never)
    plain = message([1, 2.5, "caf\u00e9", True, {"a": [{}]}])
    assert json.loads(encoder(plain)) == plain


def test_exact_digits_do_not_spoil_their_neighbours(encoder):
    text = encoder(message({"a": Decimal("0.1234567890123456789012345"), "b": None, 5: "\x00"})).decode()
    assert json.loads(text, parse_float=Decimal)["properties"]["x"] == {
        "a": Decimal("0.1234567890123456789012345"), "b": None, "5": "\x00"}


def test_the_hosts_objects_are_not_changed(encoder):
    given = {"at": {1, 2}, "n": Decimal("1.50")}
    encoder(message(given))
    assert given == {"at": {1, 2}, "n": Decimal("1.50")}


def test_texts_with_and_without_ascii_follow_one_another(encoder):
    for value in ("plain", "caf\u00e9", "\u6771\u4eac", "plain", "back\\\\slash \\u0041", "plain", "\x01", "\u00e9"):
        text = encoder(message(value)).decode()
        assert json.loads(text) == message(value)
        assert "\\u00e9" not in text


LETTERS = ["a", "Z", "\"", "\\", "/", "\n", "\x00", "\x1f", "\x7f", "\u00e9", "\u6771", "\U0001F600", "\u2028"]
NUMBERS = [0, -1, 2 ** 63 - 1, -2 ** 63, 2 ** 63, 2 ** 64, 10 ** 30, -10 ** 30, 0.1, -0.0, 1e-7, 1e22, 5e-324, 1.5]


def anything(dice, depth=0):
    """A value of plain types, as deep as dice say."""
    kind = dice.randrange(9 if depth < 5 else 6)
    if kind < 2:
        return "".join(dice.choices(LETTERS, k=dice.randrange(40)))
    if kind < 4:
        return dice.choice(NUMBERS) if dice.random() < 0.5 else dice.random() * 10 ** dice.randrange(-30, 30)
    if kind < 6:
        return dice.choice([None, True, False, dice.randrange(-10 ** 12, 10 ** 12)])
    many = [anything(dice, depth + 1) for _ in range(dice.randrange(6))]
    if kind == 6:
        return many if dice.random() < 0.8 else tuple(many)
    keys = ["k%s" % "".join(dice.choices(LETTERS, k=dice.randrange(5))) for _ in many]
    return dict(zip(keys, many))


def test_plain_values_are_written_as_json_does_it(encoder):
    dice = random.Random(7)
    for _ in range(3000):
        value = anything(dice)
        text = encoder(message(value)).decode()
        wanted = json.dumps(message(value), ensure_ascii=False, separators=(",", ":"))
        assert json.loads(text) == json.loads(wanted)
        if encoder is _convert.encode and _convert._encode is _convert._encode_own:
            assert text == wanted


def test_long_strings_take_no_more_memory_than_they_need(encoder):
    long = "x" * 5_000_000 + "\n"
    assert encoder(message(long)).endswith(b'xx\\n"}}')


def test_a_list_that_shrinks_while_it_is_written():
    class Shrinks(tagged.Mapping):
        def __iter__(self):
            items.clear()
            return iter(["a"])

    items = [Shrinks([("a", 1)]), "gone"]
    assert b'"gone"' not in _convert._encode_own(message(items))


def test_an_ordered_dictionary_keeps_its_own_order(encoder):
    ordered = OrderedDict([("a", 1), ("b", 2)])
    ordered.move_to_end("a")
    assert encoder(message(ordered)).endswith(b'{"x":{"b":2,"a":1}}}')


def test_subclasses_are_what_they_derive_from(encoder):
    class Text(str):
        def __str__(self):
            return "other"

    class Number(int):
        def __repr__(self):
            return "other"

    class Renamed(dict):
        def items(self):
            return [(key.upper(), value) for key, value in super().items()]

    class Items(list):
        pass

    assert encoder(message([Text("a"), Number(5), Renamed(a=Text("b")), Items([1])])).endswith(
        b'{"x":["a",5,{"A":"b"},[1]]}}')


def test_nothing_is_held_back(encoder):
    """Each call lets go of what it looked at."""
    held = ["unique %d" % id(object()), 10 ** 40, 1.25, object(), {"deep": [Decimal("0.5"), {1, 2}]}]
    before = [sys.getrefcount(item) for item in held]
    for _ in range(100):
        encoder(message([*held[:3], held[4]]))
        with pytest.raises(segmo.InvalidError):
            encoder(message(held))
    assert [sys.getrefcount(item) for item in held] == before
