"""segmo.fastapi and segmo.asgi beyond what the example shows; the application is asked as a server would."""
import asyncio

import pytest
from servers import module
from test_web import payload

import segmo


@pytest.fixture(autouse=True)
def installed():
    module("fastapi")


@pytest.fixture
def site(options):
    from fastapi import BackgroundTasks, Depends, FastAPI, WebSocket

    from segmo.fastapi import Segmo
    app = FastAPI()
    app.segmo = Segmo(app, **options, trusted_proxies=1, export_secret="secret",
                      user_id=lambda request: request.headers.get("x-user"))

    @app.get("/sync")
    def sync(client: segmo.Client = Depends(app.segmo)):
        client.track(event="In a thread")

    @app.get("/background")
    async def background(tasks: BackgroundTasks, client: segmo.Client = Depends(app.segmo)):
        tasks.add_task(client.track, event="In the background")
        tasks.add_task(track_async, client)

    async def track_async(client):
        client.track(event="In a coroutine")

    @app.websocket("/socket")
    async def socket(websocket: WebSocket):
        await websocket.accept()
        app.segmo.client.track(event="Over a socket")
        await websocket.close()
    yield app
    app.segmo.client.close()


def ask(app, path, kind="http", method="GET", body=b"", **headers):
    """What the application sends for one request."""
    scope = {"type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
             "path": path, "raw_path": path.encode(), "query_string": b"q=1", "client": ("198.51.100.9", 4711),
             "root_path": "", "subprotocols": [],
             "headers": [(b"host", b"shop.test"), *((name.replace("_", "-").encode(), value.encode())
                                                    for name, value in headers.items())]}
    first = {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": body}
    waiting, sent = [first], []

    async def receive():
        return waiting.pop(0) if waiting else {"type": f"{kind}.disconnect", "code": 1000}

    async def send(message):
        sent.append(message)
    asyncio.run(app(scope, receive, send))
    return sent


def arrived(app, sandbox, count=1):
    assert app.segmo.client.flush(20)
    sandbox.wait_for("segment", unique=count)
    return {message["event"]: message for message in (entry["message"] for entry in sandbox.messages())}


@pytest.mark.parametrize("path, kind, events", [
    ("/sync", "http", {"In a thread"}), ("/background", "http", {"In the background", "In a coroutine"}),
    ("/socket", "websocket", {"Over a socket"})])
def test_wherever_the_call_is_made(site, sandbox, path, kind, events):
    ask(site, path, kind, x_user="u-1", x_forwarded_for="203.0.113.7", cookie="a=b; ajs_anonymous_id=a-1")
    messages = arrived(site, sandbox, len(events))
    assert messages.keys() == events
    for message in messages.values():
        assert (message["userId"], message["anonymousId"]) == ("u-1", "a-1")
        assert message["context"]["ip"] == "203.0.113.7"
        assert message["context"]["page"]["url"] == f"https://shop.test{path}?q=1"


def test_what_waits_is_sent_when_the_server_shuts_down(options, sandbox):
    """Not an hour later, and by no exit hook."""
    from fastapi import FastAPI

    from segmo.fastapi import Segmo
    app = FastAPI()
    client = Segmo(app, **{**options, "delivery_flush_interval_ms": "1h"}).client
    told = []

    async def serve():
        async def receive():
            if not told:
                return {"type": "lifespan.startup"}
            client.track("u-1", "Lamp Lit")
            return {"type": "lifespan.shutdown"}

        async def send(message):
            told.append((message["type"], sandbox.stats("segment")["unique"]))
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    asyncio.run(serve())
    assert told == [("lifespan.startup.complete", 0), ("lifespan.shutdown.complete", 1)]
    client.close()


def test_the_client_can_be_replaced_as_a_dependency(site, options, tmp_path):
    from segmo._calls import Calls

    class Kept(Calls):
        def enqueue(self, message, source=None):
            kept.append(message)
    kept = []
    site.dependency_overrides[site.segmo] = Kept
    ask(site, "/sync", x_user="u-1")
    assert (kept[0]["event"], kept[0]["userId"]) == ("In a thread", "u-1")


def test_settings_are_checked():
    from fastapi import FastAPI

    from segmo.fastapi import Segmo
    with pytest.raises(segmo.OptionError, match="the nearest is export_secret"):
        Segmo(FastAPI(), export_secrets="x")


def test_a_post_that_breaks_off_is_not_answered(site):
    site.segmo.add_campaign_export("/export")

    async def broken():
        messages, sent = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}], []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)
        scope = {"type": "http", "method": "POST", "path": "/export", "query_string": b"", "root_path": "",
                 "headers": [(b"authorization", b"Bearer secret")]}
        await site(scope, receive, send)
        return sent
    assert asyncio.run(broken()) == []


def test_the_export_is_no_part_of_the_schema(site):
    site.segmo.add_campaign_export("/export")
    started, _ = ask(site, "/export", method="POST", body=payload().encode(), authorization="Bearer secret")
    assert started["status"] == 200
    assert "/export" not in site.openapi()["paths"]
