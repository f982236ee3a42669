"""What segmo.wsgi and segmo.asgi offer, without a framework.

/         tracks "Visited"
/threads  tracks, and tells the names of the threads (WSGI)
/stream   tracks "Streamed" while the response is sent
/export   the campaign export
"""
import logging
import os
import threading

import segmo
import segmo.asgi
import segmo.wsgi

logging.basicConfig()
client = segmo.Client()
SECRETS = ["new-secret", "old-secret"]
EVENTS = {"/": "Visited", "/stream": "Streamed"}
LIMIT = {"max_bytes": 100000}
OPTIONS = {"trusted_proxies": int(os.environ.get("PROXIES", "0"))}
wsgi_export = segmo.wsgi.CampaignExport(client, SECRETS, **LIMIT)
asgi_export = segmo.asgi.CampaignExport(client, SECRETS, **LIMIT)


def wsgi_app(environ, start_response):
    if environ["PATH_INFO"] == "/export":
        return wsgi_export(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stream":
        return streamed()
    if environ["PATH_INFO"] == "/threads":
        client.track(event="Visited", anonymous_id="a-1")
        return [",".join(thread.name for thread in threading.enumerate()).encode()]
    if environ["PATH_INFO"] == "/":
        client.track(event="Visited")
    return [b"hello"]


def streamed():
    yield b"hel"
    client.track(event="Streamed")
    yield b"lo"


async def asgi_app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    if scope["path"] == "/export":
        await asgi_export(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hel", "more_body": True})
    if scope["path"] in EVENTS:
        client.track(event=EVENTS[scope["path"]])
    await send({"type": "http.response.body", "body": b"lo"})


wsgi = segmo.wsgi.RequestContext(wsgi_app, user_id=lambda environ: environ.get("HTTP_X_USER"), **OPTIONS)
asgi = segmo.asgi.RequestContext(asgi_app, user_id=lambda scope: dict(scope["headers"]).get(b"x-user"), **OPTIONS)
