"""The generators of test data give the same data for the same options."""
import json

import generate
import pytest
import streams
from sandbox_cases import without


@pytest.mark.parametrize("shape", ["mixed", "order"])
def test_generated_messages_depend_on_the_options_alone(shape):
    one = list(generate.lines(500, seed=9, users=7, shape=shape))
    assert one == list(generate.lines(500, seed=9, users=7, shape=shape))
    assert one != list(generate.lines(500, seed=10, users=7, shape=shape))
    assert len(set(json.loads(line)["messageId"] for line in one)) == 500


def test_generated_numbers_keep_their_digits():
    text = "\n".join(generate.lines(3000, seed=2))
    for number in ("18446744073709551615", "0.12345678901234567890123456789", "1704067200123456789", "2.50"):
        assert number in text


def test_generated_orders_are_a_thousand_and_of_one_size():
    orders = [json.loads(line) for line in generate.lines(2000, shape="order")]
    assert len({json.dumps(without(order["properties"], "seq")) for order in orders}) == 1000
    assert len({order["userId"] for order in orders}) == 1000
    assert all(len(order["properties"]) == 11 and len(order["properties"]["products"]) == 2 for order in orders)


def test_a_generated_export_has_what_an_export_may_have():
    events = streams.payload(count=30, seed=4)["events"]
    assert len(events) == 30
    assert sum("event_uuid" not in event for event in events) == 1
    assert sum(event["event_type"] == "USER_ACTION_EVENT" for event in events) == 1
    assert any(len(event.get("user_attributes", {})) > 1 for event in events)
    assert len({event["event_uuid"] for event in events if "event_uuid" in event}) == 29
