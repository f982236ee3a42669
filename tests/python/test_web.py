"""segmo.wsgi and segmo.asgi in real servers: request context, and an address for the campaign export."""
import base64
import io
import json
from wsgiref.util import setup_testing_defaults

import pytest
from conftest import ROOT
from harness import ENVIRONMENT, Sandbox
from servers import Server

import segmo
import segmo.asgi
import segmo.wsgi

APPS = ROOT / "tests/python/apps"
SERVERS = {"gunicorn": "web:wsgi", "uwsgi": "web:wsgi", "uvicorn": "web:asgi", "hypercorn": "web:asgi"}
EVENT = {"event_name": "Email Clicked", "event_code": "MOE_EMAIL_CLICK", "event_uuid": "ev-1", "event_time": 1767607872,
         "event_type": "CAMPAIGN_EVENT", "event_source": "MOENGAGE", "uid": "u-77", "event_attributes": {"campaign_id": "c1"},
         "user_attributes": {"moengage_user_id": "mu-5"}, "device_attributes": {}}


def payload(*events):
    return json.dumps({"app_name": "Shop", "source": "MOENGAGE", "moe_request_id": "rq-1", "events": list(events)})


def event(number, **members):
    return {**EVENT, "event_uuid": f"ev-{number}", **members}


def bearer(secret="new-secret"):
    return {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}


def basic(user, secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


@pytest.fixture(scope="module", params=SERVERS)
def place(request, tmp_path_factory):
    """A server of each kind with a sandbox behind it, for all tests of this file."""
    directory, sandbox = tmp_path_factory.mktemp(request.param), Sandbox()
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT / "build/python/lib"), "SEGMO_SEGMENT_WRITE_KEY": "WK1",
                   "SEGMO_SEGMENT_HOST": sandbox.url, "SEGMO_SPOOL_DIR": str(directory / "spool"),
                   "SEGMO_DELIVERY_FLUSH_INTERVAL_MS": "10", "PROXIES": "1"}
    server = None
    try:
        server = Server(request.param, SERVERS[request.param], APPS, directory / "log", environment)
        yield server, sandbox
        assert server.stop() == 0, server.log()
    finally:
        for process in filter(None, (server, sandbox)):
            process.end()


@pytest.fixture
def server(place):
    return place[0]


@pytest.fixture
def arrived(place):
    """Waits for the messages that a test caused; answers them."""
    place[1].reset()

    def wait(count=1):
        place[1].wait_for("segment", unique=count)
        return [entry["message"] for entry in place[1].messages()]
    return wait


# ---- request context ----

@pytest.mark.parametrize("path, name", [("/", "Visited"), ("/stream", "Streamed")])
def test_messages_know_their_request(server, arrived, path, name):
    answer = server.get(path + "?q=lamp", User_Agent="Lynx/2.8", Accept_Language="de-CH, en;q=0.5", Referer="https://a.test/",
                        X_Forwarded_For="192.0.2.1, 203.0.113.7", X_User="u-1", Cookie="ajs_anonymous_id=a-1")
    assert answer.text == "hello"
    message = arrived()[0]
    assert (message["event"], message["userId"], message["anonymousId"]) == (name, "u-1", "a-1")
    context = message["context"]
    assert (context["ip"], context["userAgent"], context["locale"]) == ("203.0.113.7", "Lynx/2.8", "de-CH")
    assert context["page"] == {"path": path, "search": "?q=lamp", "referrer": "https://a.test/",
                               "url": f"http://127.0.0.1:{server.port}{path}?q=lamp"}


def test_requests_do_not_mix(server, arrived):
    server.get("/", X_User="u-1", User_Agent="first")
    server.get("/", Cookie="ajs_anonymous_id=a-2")
    first, second = sorted(arrived(2), key=lambda message: "userId" not in message)
    assert first["userId"] == "u-1" and first["context"]["userAgent"] == "first"
    assert "userId" not in second and "userAgent" not in second["context"]


def test_no_thread_of_python_runs_where_uwsgi_forks_without_telling_python(server, arrived):
    """One that waits for the GIL at that moment would stop the child for ever."""
    if server.kind not in ("gunicorn", "uwsgi"):
        pytest.skip("not run: this server does not speak WSGI")
    assert ("segmo-reports" in server.get("/threads").text) == (server.kind == "gunicorn")
    arrived()


# ---- the campaign export ----

def test_events_become_messages(server, arrived):
    answer = server.request("POST", "/export", payload(event(1), event(2)), bearer())
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == {"status": "success", "events": 2, "accepted": 2, "skipped": {}, "rejected": []}
    assert {message["messageId"] for message in arrived(2)} == {"moengage-ev-1", "moengage-ev-2"}
    assert {message["userId"] for message in arrived(2)} == {"u-77"}


def test_what_cannot_be_read_is_reported_and_the_rest_kept(server, arrived):
    bad = event(4)
    del bad["event_uuid"]
    answer = server.request("POST", "/export", payload(event(3), bad, 7, event(5)), bearer())
    assert answer.status == 200
    assert (answer.json["events"], answer.json["accepted"]) == (4, 2)
    assert [(each["index"], each["field"]) for each in answer.json["rejected"]] == \
        [(1, "/events/1/event_uuid"), (2, "/events/2")]
    assert {message["messageId"] for message in arrived(2)} == {"moengage-ev-3", "moengage-ev-5"}
    assert "/events/1/event_uuid" in server.log() and "u-77" not in server.log()


@pytest.mark.parametrize("headers", [bearer("new-secret"), bearer("old-secret"), basic("moengage", "new-secret"),
                                     basic("", "old-secret"), {"authorization": "bearer new-secret"}])
def test_the_secret_opens(server, headers):
    assert server.request("POST", "/export", payload(), headers).status == 200


@pytest.mark.parametrize("headers", [
    {}, bearer(""), bearer("new-secre"), bearer("new-secret2"), basic("new-secret", ""), {"Authorization": "new-secret"},
    {"Authorization": "Basic bmV3LXNlY3JldA=="}, {"Authorization": "Basic !"}, {"Authorization": "Bearer"},
    {"Authorization": "Basic"}, {"Authorization": "Digest new-secret"}, bearer("\u00fc"), basic("\u00fc", "\u00fc")])
def test_nothing_else_opens(server, arrived, headers):
    headers = {name: value.encode() for name, value in headers.items()}
    answer = server.request("POST", "/export", payload(event(1)), headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "new-secret" not in answer.text + server.log()


def test_only_posts_are_taken(server):
    answer = server.request("GET", "/export", headers=bearer())
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", ["", "no JSON", "[]", "{}", '{"events": {}}', '{"events": [', b"\xff"])
def test_what_is_no_payload_is_refused(server, body):
    answer = server.request("POST", "/export", body, bearer())
    assert (answer.status, answer.json["status"]) == (400, "error")


def test_a_body_over_the_limit_is_refused(server):
    """By what it says of its length: nothing of it is read."""
    assert server.request("POST", "/export", headers={**bearer(), "Content-Length": "100001"}).status == 413


def test_a_chunked_body_is_taken(server):
    if server.kind == "uwsgi":
        pytest.skip("not run: uwsgi hands a chunked body over in a way of its own; there it counts as empty")
    body = payload(event(6)).encode()
    assert server.request("POST", "/export", iter([body[:50], body[50:]]), bearer()).status == 200


# ---- without a server ----

def ask(export, body, **environ):
    """What a WSGI application answers: status and JSON."""
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body.encode()), "CONTENT_LENGTH": str(len(body)),
               "HTTP_AUTHORIZATION": "Bearer secret", **environ}
    setup_testing_defaults(environ)
    told = []
    parts = b"".join(export(environ, lambda status, headers: told.extend((status, dict(headers)))))
    return int(told[0][:3]), told[1], json.loads(parts)


def test_no_more_than_the_limit_is_read_of_a_body_without_a_length(client):
    export = segmo.wsgi.CampaignExport(client, "secret", max_bytes=1000)
    assert ask(export, " " * 1001, CONTENT_LENGTH="", **{"wsgi.input_terminated": True})[0] == 413
    assert ask(export, payload(), CONTENT_LENGTH="", **{"wsgi.input_terminated": True})[0] == 200


def test_a_full_spool_asks_to_post_again(options):
    with segmo.Client(**{**options, "delivery_enabled": False}, spool_max_bytes="1MiB") as client:
        export = segmo.wsgi.CampaignExport(client, "secret")
        for number in range(100):
            status, headers, answer = ask(export, payload(event(number, event_attributes={"x": "y" * 30000})))
            if status != 200:
                break
        assert (status, headers["Retry-After"], answer["status"]) == (503, "30", "error")
        assert client.stats()["accepted"] >= number
        client.close(0)
    assert ask(export, payload(event(1)))[0] == 503


def test_a_source_of_its_own(options, sandbox):
    options.pop("segment_write_key")
    with segmo.Client(**options, sources=[{"id": "shop", "segment.write_key": "WK2"},
                                          {"id": "campaigns", "segment.write_key": "WK3", "type": "http"}]) as client:
        assert ask(segmo.wsgi.CampaignExport(client, "secret", source="campaigns"), payload(event(1)))[0] == 200
        status, _, answer = ask(segmo.wsgi.CampaignExport(client, "secret", source="attic"), payload(event(1)))
        assert (status, answer["message"]) == (500, "the receiver is not set up; its log says more")
        assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 1


def test_with_the_disk_synced_before_the_answer(options, sandbox):
    with segmo.Client(**options, spool_sync="always") as client:
        assert ask(segmo.wsgi.CampaignExport(client, "secret"), payload(event(1)))[0] == 200
        assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 1


@pytest.mark.parametrize("make", [segmo.wsgi.CampaignExport, segmo.asgi.CampaignExport])
@pytest.mark.parametrize("secrets", ["", [], ["one", ""]])
def test_without_a_secret_there_is_no_export(client, make, secrets):
    with pytest.raises(segmo.OptionError, match="secret"):
        make(client, secrets)


def test_what_was_answered_survives_the_server(processes, environment, sandbox, options, tmp_path):
    """kill -9 right after the answer, in an outage: the next client on the directory sends the events."""
    sandbox.script({"status": 503})
    server = processes(Server("uvicorn", "web:asgi", APPS, tmp_path / "log", environment))
    for number in range(5):
        assert server.request("POST", "/export", payload(event(number)), bearer()).status == 200
    server.kill()
    sandbox.script()
    with segmo.Client(**options) as client:
        assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 5
