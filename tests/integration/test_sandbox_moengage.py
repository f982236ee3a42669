"""The sandbox judges MoEngage's elements as strictly as their documentation."""
import json
import time

import pytest

from sandbox_cases import (ACTION, CUSTOMER, DEVICE, EVENT, JSON, PAIR, SENDER, SUCCESS, action_with, basic,
                           check_refusal, without)

NOW = time.time()


@pytest.mark.parametrize("element", [
    CUSTOMER, without(CUSTOMER, "attributes"), dict(CUSTOMER, attributes={}), EVENT, without(EVENT, "device_id"),
    dict(EVENT, actions=[ACTION, ACTION]), dict(EVENT, actions=[{"action": "x"}]), DEVICE,
    action_with(current_time="2024-01-05"), action_with(current_time=1704449472),
    action_with(current_time="1704449472"), action_with(platform="TV", moe_os_type="tvOS"),
    action_with(real_time_action="true"), action_with(user_timezone_offset=-54000),
    dict(CUSTOMER, platforms=[{"platform": "iOS", "active": "true"}]),
    dict(CUSTOMER, attributes={"addValueToArrayField": {"tags": ["a"]}, "plan": "x"}),
    dict(CUSTOMER, customer_id="22"), dict(CUSTOMER, customer_id="日本"),
], ids=lambda element: json.dumps(element)[:60])
def test_moengage_takes_an_element_alone_and_in_bulk(judge, element):
    alone = judge.request("POST", "/v1/%s/APP1" % element["type"], element, SENDER)
    assert alone.status == 200, alone.text
    assert alone.json["status"] == "success" and alone.json["message"] == SUCCESS
    bulk = {"type": "transition", "elements": [CUSTOMER, element]}
    assert judge.request("POST", "/v1/transition/APP1", bulk, SENDER).json["status"] == "success"


REFUSED_IDS = ["unknown", "Guest", " null ", "0", "1", "true", "false", "user_attribute_unique_id", "(empty)",
               "na", "N/A", "dummy_seller_code", "user_id", "id", "customer_id", "UID", "userid", "none", "-2",
               "-1", "2", "x", " "]
BAD_ELEMENTS = [
    (without(CUSTOMER, "customer_id"), "MissingAttributeError", "customer_id"),
    (dict(CUSTOMER, customer_id=""), "MissingAttributeError", "customer_id"),
    (dict(CUSTOMER, customer_id=77), "TypeError", "customer_id"),
    (dict(CUSTOMER, attributes=[]), "TypeError", "attributes"),
    (dict(CUSTOMER, attributes={"": 1}), "ValueError", "attributes"),
    (dict(CUSTOMER, update_existing_only="no"), "TypeError", "update_existing_only"),
    (dict(CUSTOMER, platforms={}), "TypeError", "platforms"),
    (dict(CUSTOMER, platforms=[{"platform": "android", "active": "true"}]), "ValueError", "platforms"),
    (dict(CUSTOMER, platforms=[{"platform": "iOS", "active": True}]), "ValueError", "platforms"),
    (dict(CUSTOMER, unset_attributes={}), "TypeError", "unset_attributes"),
    (dict(CUSTOMER, attributes={"addValueToArrayField": {"a": 1}}), "ArrayFieldError", "addValueToArrayField"),
    (dict(CUSTOMER, attributes={"addValueToArrayField": {"a": [1]}, "removeValueFromArrayField": {"a": [1]}}),
     "ArrayFieldError", "attributes"),
    (dict(CUSTOMER, attributes={"addValueToArrayField": {"a": [1]}, "a": [2]}), "ArrayFieldError", "attributes"),
    (without(EVENT, "customer_id"), "MissingAttributeError", "customer_id"),
    (without(EVENT, "actions"), "MissingAttributeError", "actions"),
    (dict(EVENT, actions=[]), "MissingAttributeError", "actions"),
    (dict(EVENT, actions={}), "TypeError", "actions"),
    (dict(EVENT, actions=["x"]), "TypeError", "actions"),
    (dict(EVENT, device_id=9), "TypeError", "device_id"),
    (dict(EVENT, actions=[without(ACTION, "action")]), "MissingAttributeError", "action"),
    (action_with(action=""), "MissingAttributeError", "action"),
    (action_with(action=5), "TypeError", "action"),
    (action_with(attributes=None), "TypeError", "attributes"),
    (action_with(platform="Android"), "ValueError", "platform"),
    (action_with(platform=None), "ValueError", "platform"),
    (action_with(moe_os_type="tvOS"), "ValueError", "moe_os_type"),
    (action_with(app_version=3), "TypeError", "app_version"),
    (action_with(current_time="soon"), "ValueError", "current_time"),
    (action_with(current_time=None), "ValueError", "current_time"),
    (action_with(current_time=1704449472345), "ValueError", "current_time"),
    (action_with(current_time=int(NOW) + 86400 * 2), "ValueError", "current_time"),
    (action_with(user_time="2999-01-01T00:00:00Z"), "ValueError", "user_time"),
    (action_with(user_timezone_offset="19800"), "TypeError", "user_timezone_offset"),
    (action_with(user_timezone_offset=1.5), "TypeError", "user_timezone_offset"),
    (action_with(user_timezone_offset=54001), "ValueError", "user_timezone_offset"),
    (action_with(real_time_action=True), "ValueError", "real_time_action"),
    (without(DEVICE, "device_id"), "MissingAttributeError", "device_id"),
    (without(DEVICE, "attributes"), "MissingAttributeError", "attributes"),
    (dict(DEVICE, attributes={"platform": "ANDROID"}), "MissingAttributeError", "push_id"),
    (dict(DEVICE, attributes={"push_id": "t"}), "MissingAttributeError", "platform"),
    (dict(DEVICE, attributes={"platform": "unknown", "push_id": "t"}), "ValueError", "platform"),
] + [(dict(EVENT, customer_id=name), "ValueError", "customer_id") for name in REFUSED_IDS]


@pytest.mark.parametrize("element, kind, attribute", BAD_ELEMENTS,
                         ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else value)
def test_moengage_refuses_an_element_alone_and_in_bulk(judge, element, kind, attribute):
    alone = judge.request("POST", "/v1/%s/APP1" % element["type"], element, SENDER)
    check_refusal(alone, 400, kind, attribute)
    bulk = judge.request("POST", "/v1/transition/APP1", {"type": "transition", "elements": [CUSTOMER, element]}, SENDER)
    check_refusal(bulk, 400, kind, attribute)


@pytest.mark.parametrize("path, body, kind, attribute", [
    ("event", without(EVENT, "type"), "MissingAttributeError", "type"),
    ("event", dict(EVENT, type=5), "TypeError", "type"),
    ("event", dict(EVENT, type="Event"), "AttributeError", "type"),
    ("customer", EVENT, "AttributeError", "type"),
    ("transition", {"type": "transition"}, "MissingAttributeError", "elements"),
    ("transition", {"type": "transition", "elements": []}, "MissingAttributeError", "elements"),
    ("transition", {"type": "transition", "elements": {}}, "TypeError", "elements"),
    ("transition", {"type": "event", "elements": [EVENT]}, "AttributeError", "type"),
    ("transition", {"type": "transition", "elements": [{"type": "order"}]}, "AttributeError", "type"),
    ("transition", {"type": "transition", "elements": [7]}, "AttributeError", "type"),
], ids=str)
def test_moengage_refuses_an_envelope(judge, path, body, kind, attribute):
    check_refusal(judge.request("POST", "/v1/%s/APP1" % path, body, SENDER), 400, kind, attribute)


@pytest.mark.parametrize("headers, path, status, kind, attribute", [
    (JSON, "/v1/event/APP1", 401, "Authentication required", None),
    (dict(JSON, Authorization="Basic !!!"), "/v1/event/APP1", 401, "Authentication required", None),
    (dict(JSON, **basic("APP1")), "/v1/event/APP1", 401, "Authentication required", None),
    (dict(JSON, **basic("APP1", "other")), "/v1/event/APP1", 401, "Authentication required", None),
    (dict(JSON, **basic("APP2", "KEY1")), "/v1/event/APP2", 401, "Authentication required", None),
    (dict(SENDER, **{"MOE-APPKEY": "APP2"}), "/v1/event/APP1", 401, "Authentication required", None),
    (SENDER, "/v1/event/APP2", 400, "InvalidParams", "app_id"),
    (SENDER, "/v1/event/", 400, "ParamsRequired", "app_id"),
    (basic("APP1", "KEY1"), "/v1/event/APP1", 400, "Missing header value", "Content-Type"),
    (dict(SENDER, **{"Content-Type": "text/plain"}), "/v1/event/APP1", 415, "MediaTypeError", "Content-Type"),
    (dict(SENDER, **{"Content-Encoding": "gzip"}), "/v1/event/APP1", 415, "MediaTypeError", "Content-Encoding"),
    (SENDER, "/v1/customer/merge", 400, "ParamsRequired", "app_id"),
    (SENDER, "/v1/customer/merge?app_id=APP2", 409, "Conflict", "app_id"),
    (SENDER, "/v1/integrations/segment", 400, "ParamsRequired", "app_id"),
], ids=str)
def test_moengage_refuses_a_sender(judge, headers, path, status, kind, attribute):
    check_refusal(judge.request("POST", path, EVENT, headers), status, kind, attribute)


def test_moengage_takes_a_charset_and_an_app_key(judge):
    headers = dict(SENDER, **{"Content-Type": "Application/JSON; charset=utf-8", "MOE-APPKEY": "APP1"})
    assert judge.request("POST", "/v1/event/APP1", EVENT, headers).status == 200


@pytest.mark.parametrize("path, body, status, kind", [
    ("/v1/event/APP1", "", 400, "Empty request body"),
    ("/v1/event/APP1", "{", 400, "Malformed JSON"),
    ("/v1/event/APP1", "[]", 400, "Body type is not JSON"),
    ("/v1/event/APP1", json.dumps(EVENT) + " " * 128000, 413, "PayloadTooLarge"),
    ("/v1/transition/APP1", json.dumps(EVENT) + " " * 100000, 413, "PayloadTooLarge"),
    ("/v1/integrations/segment?appId=APP1", " " * 128001, 413, "PayloadTooLarge"),
], ids=["empty", "not JSON", "an array", "single too large", "bulk too large", "Segment call too large"])
def test_moengage_refuses_a_body(judge, path, body, status, kind):
    check_refusal(judge.request("POST", path, body, SENDER), status, kind)


def test_moengage_takes_bodies_up_to_their_limits(judge):
    single = json.dumps(EVENT)
    bulk = json.dumps({"type": "transition", "elements": [EVENT]})
    assert judge.request("POST", "/v1/event/APP1", single + " " * (128000 - len(single)), SENDER).status == 200
    assert judge.request("POST", "/v1/transition/APP1", bulk + " " * (100000 - len(bulk)), SENDER).status == 200


def test_moengage_merges_users(judge):
    answer = judge.request("POST", "/v1/customer/merge?app_id=APP1", {"merge_data": [PAIR] * 50}, SENDER)
    assert (answer.status, answer.json) == (200, {"status": "success", "operation": "created"})


@pytest.mark.parametrize("body, kind, attribute", [
    ({}, "MissingAttributeError", "merge_data"),
    ({"merge_data": []}, "MissingAttributeError", "merge_data"),
    ({"merge_data": PAIR}, "TypeError", "merge_data"),
    ({"merge_data": [[]]}, "TypeError", "merge_data"),
    ({"merge_data": [PAIR] * 51}, "InvalidParams", "merge_data"),
    ({"merge_data": [without(PAIR, "merged_user")]}, "MissingAttributeError", "merged_user"),
    ({"merge_data": [dict(PAIR, retained_user=5)]}, "TypeError", "retained_user"),
    ({"merge_data": [dict(PAIR, retained_user="unknown")]}, "ValueError", "retained_user"),
], ids=str)
def test_moengage_refuses_to_merge(judge, body, kind, attribute):
    check_refusal(judge.request("POST", "/v1/customer/merge?app_id=APP1", body, SENDER), 400, kind, attribute)


SEGMENT_TRACK = {"type": "track", "user_id": "u-77", "anonymous_id": "an-1", "event": "Ticket Bought",
                 "context": {"app": {"version": "3.1.0"}, "os": {}, "library": {"version": "1"}},
                 "properties": {"seatRow": "C", "nothing": None}, "timestamp": "2024-01-05T10:11:12.345Z",
                 "update_existing_only": False}
SEGMENT_IDENTIFY = dict(without(SEGMENT_TRACK, "event", "properties"), type="identify", user_id=None, traits={"a": ""})


@pytest.mark.parametrize("body", [SEGMENT_TRACK, SEGMENT_IDENTIFY, dict(SEGMENT_TRACK, timestamp=1704449472)],
                         ids=["track", "identify", "timestamp as number"])
def test_moengage_takes_what_segment_sends(judge, body):
    answer = judge.request("POST", "/v1/integrations/segment?appId=APP1", body, SENDER)
    assert answer.status == 200, answer.text


@pytest.mark.parametrize("body, kind, attribute", [
    (without(SEGMENT_TRACK, "type"), "MissingAttributeError", "type"),
    (dict(SEGMENT_TRACK, type="page"), "ValueError", "type"),
    (without(SEGMENT_TRACK, "event"), "MissingAttributeError", "event"),
    (without(SEGMENT_TRACK, "user_id", "anonymous_id"), "MissingAttributeError", "user_id"),
    (dict(SEGMENT_TRACK, user_id=5), "TypeError", "user_id"),
    (dict(SEGMENT_TRACK, properties=[]), "TypeError", "properties"),
    (without(SEGMENT_TRACK, "context"), "MissingAttributeError", "context"),
    (dict(SEGMENT_TRACK, context={"app": {}}), "TypeError", "context"),
    (dict(SEGMENT_TRACK, timestamp="soon"), "ValueError", "timestamp"),
    (without(SEGMENT_TRACK, "update_existing_only"), "TypeError", "update_existing_only"),
    (dict(SEGMENT_IDENTIFY, traits=1), "TypeError", "traits"),
], ids=str)
def test_moengage_refuses_what_segment_would_not_send(judge, body, kind, attribute):
    answer = judge.request("POST", "/v1/integrations/segment?appId=APP1", body, SENDER)
    check_refusal(answer, 400, kind, attribute)


def test_moengage_checks_a_connection(judge):
    path = "/v1/integrations/segment/auth?appId=APP1"
    assert judge.request("GET", path, headers=basic("APP1", "KEY1")).json["status"] == "success"
    check_refusal(judge.request("GET", path, headers=basic("APP1", "x")), 401, "Authentication required")


def test_moengage_notes_what_it_would_cut(start_sandbox):
    sandbox = start_sandbox()
    attributes = {"a%d" % i: i for i in range(97)}
    attributes.update({"n" * 201: 1, "text": "é" * 513, "list": list(range(51)), "nothing": None})
    event = action_with(action="é" * 201, attributes=attributes)
    assert sandbox.request("POST", "/v1/event/APP1", event, SENDER).status == 200
    assert sandbox.stats("moengage")["noted"] == {
        "name_over_200": 2, "value_over_512": 1, "list_over_50": 1, "null_value": 1, "attributes_over_100": 1}
    sandbox.reset()
    fits = {"n" * 200: 1, "text": "é" * 512, "list": list(range(50))}
    sandbox.request("POST", "/v1/event/APP1", action_with(action="é" * 200, attributes=fits), SENDER)
    assert sandbox.stats("moengage")["noted"] == {}


def test_moengage_limits_the_rate_of_elements_and_says_so(start_sandbox):
    sandbox = start_sandbox("--rate-limit", "5/3600")
    bulk = {"type": "transition", "elements": [EVENT, CUSTOMER]}
    answers = [sandbox.request("POST", "/v1/transition/APP1", bulk, SENDER) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["3", "1", "1"]
    assert answers[0].headers["x-ratelimit-limit"] == "5"
    assert 0 < int(answers[2].headers["x-ratelimit-reset"]) <= 3600
    check_refusal(answers[2], 429, "RateLimitError")
    sandbox.reset()
    assert sandbox.request("POST", "/v1/transition/APP1", bulk, SENDER).status == 200
