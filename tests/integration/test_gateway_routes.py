"""Every route, alias, credential and answer of the gateway, as Segment's API has them."""
import base64
import json
import urllib.parse

import pytest

from gateway import basic
from harness import gzipped, wait_until

CALLS = {
    "identify": {"userId": "u-1", "traits": {"plan": "a"}},
    "track": {"userId": "u-1", "event": "Lamp Lit", "properties": {"watts": 9}},
    "page": {"userId": "u-1", "name": "Home"},
    "screen": {"userId": "u-1", "name": "Start"},
    "group": {"userId": "u-1", "groupId": "g-1", "traits": {"size": 3}},
    "alias": {"userId": "u-1", "previousId": "p-1"},
}
TRACK = CALLS["track"]
GIF = b"GIF89a"


@pytest.fixture
def peer(start_sandbox):
    return start_sandbox()


@pytest.fixture
def carrying(start_gateway, peer):
    """A gateway that delivers, and what it delivered: carrying(count) waits for so many messages."""
    gateway = start_gateway(peer)

    def delivered(count):
        peer.wait_for("segment", accepted=count)
        return [each["message"] for each in peer.messages()]
    gateway.delivered = delivered
    return gateway


def refused(answer, status, code):
    assert answer.status == status, answer.text
    assert answer.json["success"] is False and answer.json["code"] == code
    assert answer.json["message"] and answer.json["error"] == answer.json["message"]
    assert answer.headers["Content-Type"] == "application/json"


def accepted(answer):
    assert (answer.status, answer.json) == (200, {"success": True}), answer.text
    assert answer.headers["Content-Type"] == "application/json"


# ---- routes --------------------------------------------------------------------------------------

def test_every_call_arrives_by_each_of_its_routes(carrying):
    paths = {"%s%s" % (route, slash): call for call in CALLS for route in ("/v1/" + call, "/v1/" + call[0])
             for slash in ("", "/")}
    for path, call in paths.items():
        accepted(carrying.post(path, dict(CALLS[call], messageId=path)))
    found = {message["messageId"]: message for message in carrying.delivered(len(paths))}
    assert set(found) == set(paths)
    for path, call in paths.items():
        assert found[path]["type"] == call
        assert {name: found[path][name] for name in CALLS[call]} == CALLS[call]


def test_every_batch_route_takes_a_batch(carrying):
    paths = [route + slash for route in ("/v1/batch", "/v1/import", "/v1/b") for slash in ("", "/")]
    for path in paths:
        batch = [dict(fields, type=call, messageId=path + call) for call, fields in CALLS.items()]
        accepted(carrying.post(path, {"batch": batch}))
    found = {message["messageId"] for message in carrying.delivered(6 * len(paths))}
    assert found == {path + call for path in paths for call in CALLS}


def test_a_batch_gives_its_context_and_integrations_to_every_message(carrying):
    batch = {"context": {"app": {"name": "x", "build": "1"}}, "integrations": {"All": False, "Segment.io": True},
             "batch": [dict(TRACK, type="track", messageId="own", context={"app": {"build": "2"}}),
                       dict(TRACK, type="track", messageId="none")], "sequence": 4, "messageId": "b"}
    accepted(carrying.post("/v1/batch", batch))
    found = {message["messageId"]: message for message in carrying.delivered(2)}
    assert found["own"]["context"]["app"] == {"name": "x", "build": "2"}
    assert found["none"]["context"]["app"] == {"name": "x", "build": "1"}
    assert found["none"]["integrations"]["All"] is False


def test_the_telemetry_of_client_libraries_is_taken_and_left(gateway):
    accepted(gateway.post("/v1/m", {"series": [{"type": "Counter", "metric": "m", "value": 1}]}))


def test_what_nobody_offers_is_404_and_another_method_is_405(gateway):
    refused(gateway.request("POST", "/v1/nope", "{}"), 404, "not_found")
    refused(gateway.request("GET", "/"), 404, "not_found")
    answer = gateway.request("GET", "/v1/track")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert gateway.request("PUT", "/healthz").headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_is_answered_without_a_body(gateway):
    answer = gateway.request("HEAD", "/healthz")
    assert (answer.status, answer.text) == (200, "") and int(answer.headers["Content-Length"]) > 0


# ---- who it is -----------------------------------------------------------------------------------

@pytest.mark.parametrize("headers, body", [
    ({"Authorization": basic("WKSHOP")}, {}),
    ({"Authorization": basic("WKSHOP", "ignored")}, {}),
    ({"Authorization": "Basic " + base64.b64encode(b"WKSHOP").decode()}, {}),
    ({"authorization": "bAsIc  " + base64.b64encode(b"WKSHOP:").decode().rstrip("=")}, {}),
    ({}, {"writeKey": "WKSHOP"}),
    ({"Authorization": "Bearer token"}, {"writeKey": "WKSHOP"}),
    ({"Authorization": basic("WKSHOP")}, {"writeKey": "WKWEB"}),
], ids=["basic", "password", "no colon", "any case", "in the body", "bearer", "the header wins"])
def test_a_source_is_known_by_each_form_of_credentials(gateway, headers, body):
    before = gateway.metric("accepted_total", source="shop")
    accepted(gateway.request("POST", "/v1/track", dict(TRACK, **body), headers))
    accepted(gateway.request("POST", "/v1/batch", dict(body, batch=[dict(TRACK, type="track")]), headers))
    assert gateway.metric("accepted_total", source="shop") == before + 2


@pytest.mark.parametrize("headers", [{}, {"Authorization": basic("WKNO")}, {"Authorization": basic("shop")},
                                     {"Authorization": "Basic %%%"},
                                     {"Authorization": "Basic " + "QUFB" * 2000}])
def test_an_unknown_key_is_answered_200_and_counted(gateway, headers):
    """The id of a source stands in logs and metrics, so it is no key."""
    before = gateway.metric("discarded_total", source="", reason="unknown_source")
    accepted(gateway.request("POST", "/v1/track", TRACK, headers))
    assert gateway.metric("discarded_total", source="", reason="unknown_source") == before + 1


def test_the_write_key_is_not_stored_with_the_message(carrying):
    accepted(carrying.request("POST", "/v1/t", dict(TRACK, writeKey="WKSHOP")))
    accepted(carrying.request("POST", "/v1/b", {"writeKey": "WKWEB", "batch": [
        dict(TRACK, type="track", writeKey="WKWEB")]}))
    assert "WK" not in json.dumps(carrying.delivered(2))


# ---- bodies --------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/json; charset=utf-8", "image/png", None])
def test_the_content_type_does_not_matter(gateway, kind):
    accepted(gateway.request("POST", "/v1/track", dict(TRACK, writeKey="WKSHOP"), {"Content-Type": kind} if kind else {}))


@pytest.mark.parametrize("coding, body", [("gzip", gzipped(json.dumps(TRACK))), ("x-gzip", gzipped(json.dumps(TRACK))),
                                          ("identity", json.dumps(TRACK)), ("GZIP", gzipped(json.dumps(TRACK)))])
def test_gzip_and_identity_are_understood(gateway, coding, body):
    before = gateway.metric("accepted_total", source="shop")
    accepted(gateway.post("/v1/track", body, Content_Encoding=coding))
    assert gateway.metric("accepted_total", source="shop") == before + 1


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "zstd"])
def test_other_codings_are_415(gateway, coding):
    refused(gateway.post("/v1/track", "{}", Content_Encoding=coding), 415, "unsupported_encoding")


@pytest.mark.parametrize("body", ["", "{", "[]", "null", "7", '"x"', "{}x", '{"a":01}', "\xef\xbb\xbf{}", '{"a":"\\ud800"}'])
def test_what_is_no_json_object_is_400(gateway, body):
    refused(gateway.post("/v1/track", body), 400, "invalid_json")
    refused(gateway.post("/v1/batch", body), 400, "invalid_json")


@pytest.mark.parametrize("batch", [None, {}, "x", 7])
def test_a_batch_that_is_no_list_is_400(gateway, batch):
    refused(gateway.post("/v1/batch", {"batch": batch}), 400, "invalid_json")


def test_sizes_over_the_limit_are_400(gateway):
    refused(gateway.post("/v1/track", dict(TRACK, x="y" * 32768)), 400, "payload_too_large")
    refused(gateway.post("/v1/batch", {"batch": [TRACK], "x": "y" * 512000}), 400, "payload_too_large")
    refused(gateway.post("/v1/batch", gzipped(json.dumps({"batch": [TRACK], "x": "y" * 512000})),
                         Content_Encoding="gzip"), 400, "payload_too_large")


def test_a_message_of_just_the_largest_size_is_taken(start_gateway):
    gateway = start_gateway()
    message = dict(TRACK, type="track", properties={"x": ""})
    message["properties"]["x"] = "y" * (32768 - len(json.dumps(message)))
    accepted(gateway.post("/v1/batch", {"batch": [message]}))
    assert gateway.metric("accepted_total", source="shop") == 1


# ---- what is wrong, and what becomes of it --------------------------------------------------------

WRONG = [
    ("no_user_anon_id", {"type": "track", "event": "E"}),
    ("id_not_string", {"type": "track", "event": "E", "userId": {"a": 1}}),
    ("event_not_defined", {"type": "track", "userId": "u"}),
    ("event_not_string", {"type": "track", "userId": "u", "event": 7}),
    ("name_not_string", {"type": "page", "userId": "u", "name": 7}),
    ("category_not_string", {"type": "page", "userId": "u", "category": 7}),
    ("properties_not_object", {"type": "track", "userId": "u", "event": "E", "properties": []}),
    ("traits_not_object", {"type": "identify", "userId": "u", "traits": "x"}),
    ("id_required", {"type": "group", "userId": "u"}),
    ("bad_request", {"type": "nope", "userId": "u"}),
    ("bad_request", "no message"),
    ("message_too_large", {"type": "track", "userId": "u", "event": "E", "properties": {"x": "y" * 33000}}),
]


@pytest.mark.parametrize("reason, message", WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_message_is_counted_by_its_reason_and_costs_no_other(gateway, reason, message):
    counted = gateway.metric("discarded_total", source="shop", reason=reason)
    good = gateway.metric("accepted_total", source="shop")
    accepted(gateway.post("/v1/batch", {"batch": [dict(TRACK, type="track"), message, dict(TRACK, type="track")]}))
    assert gateway.metric("discarded_total", source="shop", reason=reason) == counted + 1
    assert gateway.metric("accepted_total", source="shop") == good + 2


@pytest.mark.parametrize("bad", [
    {"timestamp": "x" * 15000},  # stamps repeat it, so that a chunk of such messages becomes larger than the body
    {"properties": {"pad": "x" * 60000}, "timestamp": "x" * 60000}])
def test_messages_that_grow_cost_no_neighbour(start_gateway, bad):
    gateway = start_gateway()
    count = 480000 // len(json.dumps(bad))
    messages = [dict({"type": "track", "userId": "u-1", "event": "Bad"}, **bad)] * count
    messages += [{"type": "track", "userId": "u-1", "event": "Good %d" % i} for i in range(5)]
    body = {"writeKey": "WKSHOP", "context": {"app": {"name": "shop"}}, "batch": messages}
    assert gateway.request("POST", "/v1/batch", body).status == 200
    assert gateway.metric("accepted_total", source="shop") == 5


def test_too_many_or_no_messages_are_discarded(gateway):
    accepted(gateway.post("/v1/batch", {"batch": [{}] * 2501}))
    assert gateway.metric("discarded_total", source="shop", reason="too_many_messages") == 2501
    accepted(gateway.post("/v1/batch", {"batch": []}))
    assert gateway.metric("discarded_total", source="shop", reason="empty_batch") == 1


def test_the_log_names_field_and_reason_and_no_value(start_gateway):
    gateway = start_gateway()
    gateway.post("/v1/track", {"userId": "secret-user", "event": 7, "properties": {"card": "4111"}})
    line = gateway.wait_for_line(r'.*"event":"discarded".*"field":"/event".*')[0]
    assert json.loads(line)["reason"] == "event_not_string"
    assert "secret-user" not in gateway.stderr and "4111" not in gateway.stderr and "WKSHOP" not in gateway.stderr


def test_strict_mode_says_what_is_wrong(start_gateway):
    gateway = start_gateway(**{"gateway.strict": True})
    refused(gateway.post("/v1/track", TRACK, key=None), 401, "invalid_write_key")
    refused(gateway.post("/v1/track", TRACK, key="WKNO"), 401, "invalid_write_key")
    refused(gateway.post("/v1/track", {"userId": "u"}), 400, "invalid_message")
    refused(gateway.post("/v1/batch", {"batch": [TRACK], "x": "y" * 512000}), 413, "payload_too_large")
    refused(gateway.post("/v1/track", dict(TRACK, x="y" * 32768)), 413, "payload_too_large")
    refused(gateway.post("/v1/batch", {"batch": [{}] * 2501}), 400, "too_many_messages")
    answer = gateway.post("/v1/batch", {"batch": [dict(TRACK, type="track"), {"type": "track"}]})
    refused(answer, 400, "invalid_message")
    assert gateway.metric("accepted_total", source="shop") == 1
    accepted(gateway.post("/v1/track", TRACK))


def test_a_full_spool_is_429_and_nothing_is_lost_or_doubled_by_trying_again(start_gateway, start_sandbox):
    peer = start_sandbox()
    peer.script({"status": 503})
    gateway = start_gateway(peer, **{"spool.max_bytes": "1MiB"})
    batches = [{"batch": [dict(TRACK, type="track", messageId="%d-%d" % (b, i), properties={"x": "y" * 900})
                          for i in range(100)]} for b in range(12)]
    answers = [gateway.post("/v1/batch", batch) for batch in batches]
    full = [answer for answer in answers if answer.status == 429]
    assert full and full[0].headers["Retry-After"] == full[0].headers["X-RateLimit-Reset"] == "5"
    refused(full[0], 429, "queue_full")
    peer.script()

    def all_taken():
        return all(gateway.post("/v1/batch", batch).status == 200 for batch in batches)
    wait_until(all_taken, "there is room again")
    assert peer.wait_for("segment", accepted=1200)["accepted"] == 1200
    assert peer.stats("segment")["unique"] == 1200


# ---- times, addresses, duplicates ----------------------------------------------------------------

def moment(text):
    import datetime
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def test_a_wrong_clock_of_the_sender_is_corrected(carrying):
    sent = {"timestamp": "2020-01-01T10:00:00.000Z", "messageId": "a"}
    accepted(carrying.post("/v1/batch", {"sentAt": "2020-01-01T10:00:05.000Z", "batch": [
        dict(TRACK, type="track", **sent), dict(TRACK, type="track", messageId="b")]}))
    accepted(carrying.post("/v1/track", dict(TRACK, timestamp="2020-01-01T10:00:00.000Z", messageId="c",
                                             sentAt="2020-01-01T10:00:05.000Z")))
    accepted(carrying.post("/v1/track", dict(TRACK, timestamp="2020-01-01T10:00:00Z", messageId="d", sentAt="soon")))
    found = {message["messageId"]: message for message in carrying.delivered(4)}
    for name in "ac":
        ago = moment(found[name]["receivedAt"]) - moment(found[name]["timestamp"])
        assert ago.total_seconds() == 5
        assert found[name]["originalTimestamp"] == "2020-01-01T10:00:00.000Z"
    assert found["b"]["timestamp"] == found["b"]["originalTimestamp"] == found["b"]["receivedAt"]
    assert found["d"]["timestamp"] == "2020-01-01T10:00:00Z"
    assert "sentAt" not in found["c"]


def test_the_address_is_filled_in_where_it_is_asked_for(carrying):
    accepted(carrying.post("/v1/track", dict(TRACK, messageId="direct", context={"direct": True})))
    accepted(carrying.post("/v1/track", dict(TRACK, messageId="server")))
    accepted(carrying.post("/v1/t", dict(TRACK, messageId="browser")))
    accepted(carrying.post("/v1/t", dict(TRACK, messageId="given", context={"ip": "9.9.9.9"})))
    accepted(carrying.post("/v1/batch", {"context": {"direct": True}, "batch": [dict(TRACK, type="track", messageId="batch")]}))
    accepted(carrying.post("/v1/track", dict(TRACK, messageId="forged"), X_Forwarded_For="1.2.3.4", key="WKWEB"))
    found = {message["messageId"]: message["context"].get("ip") for message in carrying.delivered(6)}
    assert found == {"direct": "127.0.0.1", "server": None, "browser": "127.0.0.1", "given": "9.9.9.9",
                     "batch": "127.0.0.1", "forged": "127.0.0.1"}


def test_a_trusted_proxy_says_who_is_behind_it(start_gateway, peer):
    gateway = start_gateway(peer, **{"gateway.trusted_proxies": "10.0.0.1 127.0.0.1", "gateway.connections_per_address": 1})
    for name, header in (("last", "6.6.6.6, 1.2.3.4"), ("six", "2001:db8::1"), ("odd", 'x"}')):
        gateway.post("/v1/t", dict(TRACK, messageId=name), X_Forwarded_For=header)
    peer.wait_for("segment", accepted=3)
    found = {each["message"]["messageId"]: each["message"]["context"]["ip"] for each in peer.messages()}
    assert found == {"last": "1.2.3.4", "six": "2001:db8::1", "odd": "127.0.0.1"}


def test_a_message_that_comes_twice_goes_on_once_even_over_a_restart(start_gateway, peer, tmp_path):
    batch = {"batch": [dict(TRACK, type="track", messageId=name) for name in ("a", "b", "a")]}
    gateway = start_gateway(peer, directory=tmp_path)
    accepted(gateway.post("/v1/batch", batch))
    accepted(gateway.post("/v1/track", dict(TRACK, messageId="b")))
    assert gateway.metric("duplicates_total", source="shop") == 2
    assert gateway.metric("duplicates_window_seconds") == 86400
    accepted(gateway.post("/v1/track", dict(TRACK, messageId="b"), key="WKWEB"))  # another source's
    gateway.kill()
    again = start_gateway(peer, directory=tmp_path)
    accepted(again.post("/v1/batch", batch))
    assert again.metric("duplicates_total", source="shop") == 3
    assert again.metric("accepted_total") == 0  # what the kill left behind may be delivered again: that is no second one
    assert again.stop() == 0
    assert peer.stats("segment")["unique"] == 2


def test_a_refused_message_may_come_again_with_its_id(carrying):
    accepted(carrying.post("/v1/track", {"userId": "u", "messageId": "m"}))
    accepted(carrying.post("/v1/track", dict(TRACK, messageId="m")))
    assert [message["messageId"] for message in carrying.delivered(1)] == ["m"]


# ---- browsers ------------------------------------------------------------------------------------

ORIGIN = {"Origin": "https://shop.example"}


@pytest.mark.parametrize("path", ["/v1/t", "/v1/batch", "/v1/m", "/v1/projects/WKWEB/settings", "/v1/nope"])
def test_a_preflight_is_allowed_on_every_path_of_the_api(gateway, path):
    answer = gateway.request("OPTIONS", path, headers=dict(ORIGIN, **{"Access-Control-Request-Method": "POST"}))
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type, content-encoding, x-retry-count"
    assert (answer.headers["Access-Control-Max-Age"], answer.headers["Vary"]) == ("900", "Origin")


@pytest.mark.parametrize("path, body, status", [("/v1/t", json.dumps(TRACK), 200), ("/v1/t", "{", 400), ("/v1/nope", "", 404),
                                                ("/v1/t", "x" * 600000, 400)])
def test_answers_and_errors_can_be_read_by_the_page(gateway, path, body, status):
    answer = gateway.request("POST", path, body, dict(ORIGIN, **{"Content-Type": "text/plain"}))
    assert answer.status == status
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer.headers["Access-Control-Expose-Headers"] == "retry-after, x-ratelimit-reset"
    assert gateway.request("POST", path, body).headers["Access-Control-Allow-Origin"] == "*"


def test_a_source_may_name_the_sites_that_it_takes_from(start_gateway):
    gateway = start_gateway(sources=[{"id": "web", "type": "javascript", "segment.write_key": "WKWEB",
                                      "allowed_origins": "https://a.example https://shop.example"}])
    event = dict(TRACK, writeKey="WKWEB")
    accepted(gateway.request("POST", "/v1/t", event, ORIGIN))
    accepted(gateway.request("POST", "/v1/t", event))
    refused(gateway.request("POST", "/v1/t", event, {"Origin": "https://evil.example"}), 403, "origin_not_allowed")
    refused(gateway.request("POST", "/v1/t", event, {"Origin": "https://shop.example.evil"}), 403, "origin_not_allowed")


def test_the_settings_of_a_source_tell_what_its_library_needs(start_gateway):
    gateway = start_gateway(sources=[
        {"id": "app", "type": "android", "bundled": True, "segment.write_key": "WKAPP", "moengage.app_id": "APP1",
         "moengage.data_api_key": "KEY1"},
        {"id": "web", "type": "javascript", "connection_mode": "cloud", "segment.write_key": "WKWEB",
         "moengage.app_id": "APP1", "moengage.data_api_key": "KEY1"}])
    answer = gateway.request("GET", "/v1/projects/WKAPP/settings", headers=dict(ORIGIN, Host="track.example:8443"))
    assert answer.json["integrations"]["Segment.io"]["apiHost"] == "track.example:8443/v1"
    assert answer.json["integrations"]["Segment.io"]["apiKey"] == "WKAPP"
    moengage = answer.json["integrations"]["MoEngage"]
    assert (moengage["apiKey"], moengage["debugMode"], moengage["bundlingStatus"]) == ("APP1", False, "bundled")
    assert answer.json["plan"]["track"]["__default"]["enabled"] is True
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    web = gateway.request("GET", "/v1/projects/WKWEB/settings/").json["integrations"]
    assert web["MoEngage"]["bundlingStatus"] == "unbundled" and web["Segment.io"]["unbundledIntegrations"] == ["MoEngage"]
    assert "KEY1" not in answer.text
    refused(gateway.request("GET", "/v1/projects/WKNO/settings"), 404, "unknown_source")


# ---- pixel ---------------------------------------------------------------------------------------

def pixel_data(message, alphabet=base64.b64encode):
    return alphabet(json.dumps(dict(message, writeKey="WKWEB")).encode()).decode()


def test_the_pixel_takes_each_spelling_of_base64(carrying):
    odd = dict(TRACK, properties={"x": "\xff\xfe?>~~~"})
    forms = {"plain": pixel_data(dict(odd, messageId="plain")),
             "url": pixel_data(dict(odd, messageId="url"), base64.urlsafe_b64encode),
             "bare": pixel_data(dict(odd, messageId="bare")).rstrip("="),
             "percent": urllib.parse.quote(pixel_data(dict(odd, messageId="percent")), safe="")}
    for data in forms.values():
        answer = carrying.request("GET", "/v1/pixel/track?data=" + data)
        assert answer.status == 200 and answer.bytes.startswith(GIF)
        assert answer.headers["Content-Type"] == "image/gif" and answer.headers["Cache-Control"] == "no-store"
    found = {message["messageId"]: message["properties"] for message in carrying.delivered(4)}
    assert found == {name: odd["properties"] for name in forms}


def test_the_pixel_takes_plain_parameters_with_dots_for_nesting(carrying):
    query = "writeKey=WKWEB&userId=u&event=Mail+Opened&properties.subject=Hi%20%C3%A9&properties.a.b=1&properties.n=2&messageId=q"
    assert carrying.request("GET", "/v1/pixel/track?" + query).bytes.startswith(GIF)
    message = carrying.delivered(1)[0]
    assert (message["event"], message["properties"]) == ("Mail Opened", {"subject": "Hi é", "a": {"b": "1"}, "n": "2"})


@pytest.mark.parametrize("query", ["", "?", "?data=", "?data=%%%", "?data=!!!!", "?data=e30=", "?a=b&a.c=d&=x&a=e", "?x=%00",
                                   "?" + "a." * 200 + "b=1", "?" + "&".join("k%d=1" % i for i in range(500))])
def test_the_pixel_never_shows_a_broken_image(gateway, query):
    answer = gateway.request("GET", "/v1/pixel/identify" + query)
    assert answer.status == 200 and answer.bytes.startswith(GIF)
