"""segmo.flask beyond what the example shows."""
import logging

import pytest
from servers import module
from test_web import bearer, event, payload

import segmo


@pytest.fixture(autouse=True)
def installed():
    module("flask")


@pytest.fixture
def build(options):
    """build(SEGMO settings): an application by a factory, and what belongs to it."""
    from flask import Flask, Response, stream_with_context

    from segmo.flask import Segmo
    built = []

    def run(**settings):
        extension, app = Segmo(), Flask("site")
        app.config["SEGMO"] = {**options, **settings}
        extension.init_app(app)
        built.append(app)

        @app.get("/visit")
        def visit():
            extension.client.track(event="Visited")
            return "hello"

        @app.get("/stream/<kind>")
        def stream(kind):
            client = extension.client

            def parts():
                client.track(event="Streamed")
                yield "hello"
            return Response(parts() if kind == "after" else stream_with_context(parts()))
        return app, extension
    yield run
    for app in built:
        app.extensions["segmo"].close()


def arrived(app, sandbox, count=1):
    assert app.extensions["segmo"].flush(20)
    sandbox.wait_for("segment", unique=count)
    return [entry["message"] for entry in sandbox.messages()]


def test_an_application_from_a_factory(build, sandbox):
    from flask import request
    app, _ = build(user_id=lambda: request.headers.get("X-User"), trusted_proxies=1)
    with app.test_client() as browser:
        browser.get("/visit?q=1", headers={"X-User": "u-1", "X-Forwarded-For": "203.0.113.7"})
    message = arrived(app, sandbox)[0]
    assert (message["userId"], message["context"]["ip"]) == ("u-1", "203.0.113.7")
    assert message["context"]["page"]["search"] == "?q=1"


@pytest.mark.parametrize("kind, user", [("within", "u-1"), ("after", None)])
def test_a_response_that_streams(build, sandbox, kind, user):
    """With Flask's own context it knows the user; without, it still knows the request."""
    from flask import request
    app, _ = build(user_id=lambda: request.headers.get("X-User"))
    with app.test_client(use_cookies=False) as browser:
        answer = browser.get(f"/stream/{kind}", headers={"X-User": "u-1", "Cookie": "ajs_anonymous_id=a-1"})
        assert answer.text == "hello"
    message = arrived(app, sandbox)[0]
    assert (message.get("userId"), message["anonymousId"]) == (user, "a-1")
    assert message["context"]["page"]["path"] == f"/stream/{kind}"


def test_two_applications_have_two_clients(build, sandbox, tmp_path):
    (first, _), (second, extension) = build(library_name="one"), build(library_name="two", spool_dir=str(tmp_path / "2"))
    for app in (first, second):
        with app.app_context():
            app.extensions["segmo"].track("u-1", "Lamp Lit")
    with second.app_context():
        assert extension.client is second.extensions["segmo"]
    assert first.extensions["segmo"].flush(20)
    assert {message["context"]["library"]["name"] for message in arrived(second, sandbox, 2)} == {"one", "two"}


def test_settings_are_checked(build):
    with pytest.raises(segmo.OptionError, match="the nearest is trusted_proxies") as refused:
        build(trusted_proxi=1)
    assert refused.value.field == "trusted_proxi"
    with pytest.raises(segmo.OptionError):
        build(spool_max_bytes="much")


def test_the_campaign_export(build, sandbox, caplog):
    app, extension = build(export_secret=["secret", "other"], export_max_bytes=10000)
    extension.add_campaign_export(app, "/export")
    with app.test_client() as moengage, caplog.at_level(logging.WARNING, "segmo"):
        answer = moengage.post("/export", data=payload(event(1), {}), headers=bearer("other"))
        assert (answer.status_code, answer.json["accepted"], len(answer.json["rejected"])) == (200, 1, 1)
        assert moengage.post("/export", data=payload(), headers=bearer("wrong")).status_code == 401
        assert moengage.post("/export", data="x" * 10001, headers=bearer("secret")).status_code == 413
        assert moengage.get("/export").status_code == 405
    assert "1 of 2 events cannot be read" in caplog.text
    assert arrived(app, sandbox)[0]["messageId"] == "moengage-ev-1"


def test_the_export_needs_a_secret(build):
    app, extension = build()
    with pytest.raises(segmo.OptionError) as refused:
        extension.add_campaign_export(app, "/export")
    assert refused.value.field == "export_secret"
