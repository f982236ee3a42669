"""The sandbox judges Segment's calls as strictly as their documentation."""
import base64
import json

import pytest

from harness import gzipped
from sandbox_cases import JSON, MESSAGES, WRITER, basic, without

SHORT = {call[0]: call for call in MESSAGES}


@pytest.mark.parametrize("path", ["/v1/" + name + slash for name in [*MESSAGES, *SHORT] for slash in ("", "/")])
def test_segment_takes_each_call_on_its_path(judge, path):
    call = path.strip("/").split("/")[1]
    answer = judge.request("POST", path, MESSAGES[SHORT.get(call, call)], WRITER)
    assert (answer.status, answer.json) == (200, {"success": True})
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/batch/", "/v1/import", "/v1/import/", "/v1/b", "/v1/b/"])
def test_segment_takes_batches_on_every_path(judge, path):
    body = {"batch": list(MESSAGES.values()), "sentAt": "2024-01-02T03:04:05.006Z"}
    answer = judge.request("POST", path, body, WRITER)
    assert (answer.status, answer.json) == (200, {"success": True})


@pytest.mark.parametrize("change", [
    {"userId": None, "anonymousId": "a-1"}, {"anonymousId": None}, {"properties": None}, {"integrations": {}},
    {"context": {"ip": "203.0.113.1"}}, {"timestamp": "2024-01-02T03:04:05+00:00"}, {"timestamp": "2024-01-02"},
    {"timestamp": "2020-01-02T03:04:05.678901+05:30"}, {"messageId": "x" * 100}, {"messageId": "é" * 100},
    {"unknown": [1]}, {"type": None}, {"event": "E \u00e9"}, {"properties": {"n": 2 ** 64}},
], ids=str)
def test_segment_takes_a_track_with(judge, change):
    answer = judge.request("POST", "/v1/track", dict(MESSAGES["track"], **change), WRITER)
    assert answer.status == 200, answer.text


BAD_MESSAGES = [
    ("track", {"messageId": None}, "bad_request", "messageId"),
    ("track", {"messageId": ""}, "bad_request", "messageId"),
    ("track", {"messageId": 7}, "bad_request", "messageId"),
    ("track", {"messageId": "x" * 101}, "bad_request", "messageId"),
    ("track", {"userId": None}, "no_user_anon_id", "userId"),
    ("track", {"userId": ""}, "id_not_string", "userId"),
    ("track", {"userId": 42}, "id_not_string", "userId"),
    ("track", {"anonymousId": 42}, "id_not_string", "anonymousId"),
    ("track", {"event": None}, "event_not_defined", "event"),
    ("track", {"event": 5}, "event_not_string", "event"),
    ("track", {"event": ""}, "event_not_string", "event"),
    ("track", {"properties": []}, "properties_not_object", "properties"),
    ("track", {"properties": "x"}, "properties_not_object", "properties"),
    ("track", {"context": "x"}, "bad_request", "context"),
    ("track", {"integrations": []}, "bad_request", "integrations"),
    ("track", {"timestamp": "yesterday"}, "bad_request", "timestamp"),
    ("track", {"timestamp": "2024-02-30T00:00:00Z"}, "bad_request", "timestamp"),
    ("track", {"timestamp": 1704449472}, "bad_request", "timestamp"),
    ("track", {"type": "tracks"}, "bad_request", "type"),
    ("identify", {"traits": 1}, "traits_not_object", "traits"),
    ("page", {"name": ""}, "name_not_string", "name"),
    ("page", {"name": 1}, "name_not_string", "name"),
    ("page", {"category": 1}, "category_not_string", "category"),
    ("screen", {"name": []}, "name_not_string", "name"),
    ("group", {"groupId": None}, "id_required", "groupId"),
    ("group", {"groupId": 42}, "id_not_string", "groupId"),
    ("alias", {"previousId": None}, "id_required", "previousId"),
    ("alias", {"previousId": 7}, "id_not_string", "previousId"),
    ("alias", {"userId": None, "anonymousId": "a-2"}, "id_required", "userId"),
]


@pytest.mark.parametrize("call, change, code, member", BAD_MESSAGES, ids=str)
def test_segment_refuses_a_message_and_names_the_member(judge, call, change, code, member):
    bad = dict(MESSAGES[call], **change)
    alone = judge.request("POST", "/v1/" + call, bad, WRITER)
    assert (alone.status, alone.json["code"], alone.json["success"]) == (400, code, False)
    assert member in alone.json["message"] and alone.json["error"] == alone.json["message"]
    among = judge.request("POST", "/v1/batch", {"batch": [MESSAGES["page"], bad]}, WRITER)
    assert (among.status, among.json["code"]) == (400, code)
    assert "/batch/1/" + member in among.json["message"]


def test_segment_wants_the_type_that_the_path_says(judge):
    answer = judge.request("POST", "/v1/track", MESSAGES["identify"], WRITER)
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert "path" in answer.json["message"]


def track_of(size):
    """A track message whose JSON has exactly `size` bytes."""
    message = dict(MESSAGES["track"], properties={"pad": ""})
    message["properties"]["pad"] = "x" * (size - len(json.dumps(message)))
    return message


BAD_BATCHES = [
    ("not JSON", "{", 400, "invalid_json"),
    ("no body", "", 400, "invalid_json"),
    ("an array", "[]", 400, "invalid_json"),
    ("no batch", {}, 400, "invalid_json"),
    ("a batch that is no array", {"batch": {}}, 400, "invalid_json"),
    ("NaN", '{"batch":[{"type":"track","x":NaN}]}', 400, "invalid_json"),
    ("a key twice", '{"batch":[],"batch":[]}', 400, "invalid_json"),
    ("a lone surrogate", '{"batch":["\\ud800"]}', 400, "invalid_json"),
    ("bytes that are no UTF-8", b'{"batch":["\xff"]}', 400, "invalid_json"),
    ("an empty batch", {"batch": []}, 400, "empty_batch"),
    ("an item that is no object", {"batch": ["x"]}, 400, "bad_request"),
    ("an item without type", {"batch": [without(MESSAGES["track"], "type")]}, 400, "bad_request"),
    ("a bad sentAt", {"batch": [MESSAGES["track"]], "sentAt": "now"}, 400, "bad_request"),
    ("a bad context", {"batch": [MESSAGES["track"]], "context": []}, 400, "bad_request"),
    ("a message over 32768 bytes", {"batch": [track_of(32769)]}, 400, "message_too_large"),
    ("2501 messages", {"batch": [MESSAGES["alias"]] * 2501}, 400, "bad_request"),
    ("a body over 512000 bytes", {"batch": [track_of(30000)] * 18}, 400, "payload_too_large"),
    ("a body too large to keep", {"batch": ["x" * (9 << 20)]}, 400, "payload_too_large"),
]


@pytest.mark.parametrize("body, status, code", [case[1:] for case in BAD_BATCHES],
                         ids=[case[0] for case in BAD_BATCHES])
def test_segment_refuses_a_batch_with(judge, body, status, code):
    answer = judge.request("POST", "/v1/batch", body, WRITER)
    assert (answer.status, answer.json["code"]) == (status, code)


def test_segment_takes_what_is_just_small_enough(judge):
    assert judge.request("POST", "/v1/track", track_of(32768), WRITER).status == 200
    assert judge.request("POST", "/v1/batch", {"batch": [track_of(32768)]}, WRITER).status == 200
    assert judge.request("POST", "/v1/batch", {"batch": [MESSAGES["alias"]] * 2500}, WRITER).status == 200
    body = json.dumps({"batch": [track_of(30000)] * 17})
    assert judge.request("POST", "/v1/batch", body + " " * (512000 - len(body)), WRITER).status == 200
    assert judge.request("POST", "/v1/batch", body + " " * (512001 - len(body)), WRITER).status == 400


@pytest.mark.parametrize("headers, body_key, status", [
    (basic("WK1"), None, 200),
    ({"Authorization": "Basic " + base64.b64encode(b"WK1").decode()}, None, 200),
    ({"Authorization": "Basic " + base64.b64encode(b"WK1:").decode().rstrip("=")}, None, 200),
    ({"Authorization": "Bearer token"}, "WK1", 200),
    ({}, "WK1", 200),
    (basic("WK1"), "other", 200),
    ({}, None, 401),
    ({}, "other", 401),
    (basic("other"), "WK1", 401),
    (basic(""), None, 401),
    ({"Authorization": "Basic !!!"}, None, 401),
    ({"Authorization": "Digest x"}, "WK1", 401),
    ({"Authorization": "Bearer token"}, None, 401),
], ids=str)
def test_segment_knows_who_writes(judge, headers, body_key, status):
    body = dict(MESSAGES["track"], **({"writeKey": body_key} if body_key else {}))
    answer = judge.request("POST", "/v1/track", body, headers)
    assert answer.status == status
    if status == 401:
        assert answer.json["code"] == "invalid_write_key"


@pytest.mark.parametrize("encoding, body, status, code", [
    ("gzip", gzipped(json.dumps(MESSAGES["track"])), 200, None),
    ("identity", json.dumps(MESSAGES["track"]), 200, None),
    ("gzip", json.dumps(MESSAGES["track"]), 400, "invalid_gzip"),
    ("gzip", gzipped(json.dumps(MESSAGES["track"]))[:-9], 400, "invalid_gzip"),
    ("gzip", gzipped(json.dumps(MESSAGES["track"])) + b"more", 400, "invalid_gzip"),
    ("gzip", gzipped("{"), 400, "invalid_json"),
    ("gzip", gzipped(" " * (9 << 20)), 400, "payload_too_large"),
    ("br", b"x", 415, "unsupported_encoding"),
], ids=["gzip", "identity", "not gzip", "cut", "trailing bytes", "bad JSON inside", "bomb", "br"])
def test_segment_reads_the_encodings_it_knows(judge, encoding, body, status, code):
    answer = judge.request("POST", "/v1/track", body, dict(WRITER, **{"Content-Encoding": encoding}))
    assert (answer.status, answer.json.get("code")) == (status, code)


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/v1/batch", 405), ("PUT", "/v1/track", 405), ("POST", "/v1/unknown", 404), ("POST", "/v2/batch", 404),
    ("GET", "/", 404), ("POST", "/v1/track/x", 404), ("POST", "/stats", 405), ("GET", "/reset", 405),
    ("GET", "/v1/customer/APP1", 405), ("POST", "/v1/integrations/segment/auth", 405),
    ("POST", "/v1/customer/APP1/x", 404),
])
def test_a_wrong_path_or_method_is_told(judge, method, path, status):
    answer = judge.request(method, path, "{}" if method != "GET" else None, dict(WRITER, **JSON))
    assert answer.status == status
    assert answer.json
    if status == 405:
        assert answer.headers["Allow"] in ("GET", "POST")


def test_a_lenient_sandbox_leaves_bad_messages_out_as_the_service_does(start_sandbox):
    sandbox = start_sandbox("--lenient", "--write-key", "WK1")
    bad = dict(MESSAGES["track"], userId="")
    assert sandbox.request("POST", "/v1/batch", {"batch": [MESSAGES["track"], bad]}, WRITER).status == 200
    assert sandbox.request("POST", "/v1/track", MESSAGES["track"], basic("other")).status == 200
    assert sandbox.request("POST", "/v1/batch", "{", WRITER).status == 400
    stats = sandbox.stats("segment")
    assert stats["accepted"] == 1
    assert stats["discarded"] == {"id_not_string": 1, "unknown_source": 1}
