"""segmo.django in real servers, its commands, and what is refused at the start."""
import json
import shutil
import subprocess
import sys

import pytest
from conftest import PACKAGE, ROOT
from harness import ENVIRONMENT
from servers import Server, cookies, module
from test_web import bearer, event, payload

import segmo

APPS = ROOT / "tests/python/apps"


@pytest.fixture(scope="module", autouse=True)
def database(tmp_path_factory):
    """An empty database, made once and copied for each test."""
    module("django")
    path = tmp_path_factory.mktemp("database") / "site.sqlite3"
    manage({**ENVIRONMENT, "PYTHONPATH": str(PACKAGE), "DATABASE": str(path)}, "migrate", "-v", "0")
    return path


@pytest.fixture
def site(environment, database, tmp_path):
    """The environment of the site."""
    own = shutil.copy(database, tmp_path / "site.sqlite3")
    return {**environment, "DATABASE": str(own), "SEGMO_DELIVERY_FLUSH_INTERVAL_MS": "10"}


def manage(environment, *arguments):
    done = subprocess.run([sys.executable, "django_site.py", *arguments], cwd=APPS, text=True, capture_output=True,
                          timeout=60, env={**environment, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def start(processes, site, tmp_path):
    return lambda kind, app, **more: processes(Server(kind, f"django_site:{app}", APPS, tmp_path / "log", {**site, **more}))


def arrived(sandbox, count=1):
    sandbox.wait_for("segment", unique=count)
    return [entry["message"] for entry in sandbox.messages()]


def order_of(message):
    """Users go their own ways: as they were made."""
    return "userId" not in message, message["type"] != "identify", message["context"]["page"].get("search", "")


@pytest.mark.parametrize("kind, app", [("gunicorn", "wsgi"), ("uvicorn", "asgi")])
def test_messages_know_the_request_and_its_user(start, sandbox, kind, app):
    server = start(kind, app)
    session = cookies(server.post("/sign-in", Cookie="ajs_anonymous_id=a-1"))
    for number, path in enumerate(["/visit", "/visit-async", "/stream"]):
        answer = server.get(f"{path}?q={number}", Cookie=session, X_Forwarded_For="203.0.113.7", User_Agent="Lynx",
                            Accept_Language="de")
        assert answer.text == "hello", server.log()
    server.get("/visit-async", User_Agent="nobody", Cookie="ajs_anonymous_id=a-2")
    identified, *visits, nobody = sorted(arrived(sandbox, 5), key=order_of)
    assert (identified["type"], identified["userId"], identified["anonymousId"]) == ("identify", "7", "a-1")
    for number, visit in enumerate(visits):
        assert (visit["userId"], visit["context"]["ip"], visit["context"]["userAgent"]) == ("7", "203.0.113.7", "Lynx")
        assert visit["context"]["locale"] == "de" and visit["context"]["page"]["search"] == f"?q={number}"
        assert visit["context"]["page"]["url"].startswith(f"http://127.0.0.1:{server.port}/")
    assert "userId" not in nobody and nobody["anonymousId"] == "a-2" and nobody["context"]["ip"] == "127.0.0.1"
    assert server.stop() == 0, server.log()


def test_the_user_id_may_be_another_one(start, sandbox):
    start("gunicorn", "wsgi", CUSTOM_ID="1").get("/visit", X_User="asha")
    assert arrived(sandbox)[0]["userId"] == "own-asha"


def test_only_what_is_committed_is_told(start, sandbox):
    server = start("gunicorn", "wsgi")
    assert server.get("/order").text == "thank you"
    completed, began = sorted(arrived(sandbox, 2), key=lambda message: message["event"], reverse=True)
    assert server.stop() == 0
    assert sandbox.stats("segment")["unique"] == 2
    assert (began["event"], completed["event"]) == ("Order Began", "Order Completed")
    assert completed["properties"] == {"lines": [{"sku": "lamp", "price": 9.99}]}
    assert completed["timestamp"] <= began["timestamp"]
    assert completed["context"]["page"]["path"] == "/order"


@pytest.mark.parametrize("kind, app", [("gunicorn", "wsgi"), ("uvicorn", "asgi")])
def test_the_campaign_export(start, sandbox, kind, app):
    server = start(kind, app)
    answer = server.request("POST", "/export", payload(event(1), {}, event(2)), bearer("secret"))
    assert (answer.status, answer.json["accepted"], len(answer.json["rejected"])) == (200, 2, 1)
    assert server.request("POST", "/export", payload(), bearer("wrong")).status == 401
    assert server.request("GET", "/export", headers=bearer("secret")).status == 405
    assert server.request("POST", "/export", payload(event(3, filler="x" * 3000000)), bearer("secret")).status == 200
    assert {message["messageId"] for message in arrived(sandbox, 3)} == {f"moengage-ev-{number}" for number in (1, 2, 3)}


# ---- commands ----

def test_commands(site, sandbox, options):
    with segmo.Client(**{**options, "delivery_enabled": False}) as client:
        client.track("u-1", "Lamp Lit")
        client.close(0)
    assert json.loads(manage(site, "segmo_stats", "--json"))["destinations"]["segment"]["pending"] == 1
    assert "segment" in manage(site, "segmo_stats")
    assert "segment: 1 delivered" in manage(site, "segmo_flush")
    assert sandbox.stats("segment")["unique"] == 1
    told = manage(site, "segmo_doctor")
    assert f"segment at {sandbox.url}" in told and "FAIL" not in told


def test_the_doctor_says_what_is_wrong(site, tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run([sys.executable, "django_site.py", "segmo_doctor"], cwd=APPS, text=True, capture_output=True,
                          env={**site, "SEGMO_SEGMENT_HOST": "http://127.0.0.1:1"}, timeout=60)
    assert done.returncode == 1 and "FAIL" in done.stdout and "1 of these must be mended" in done.stderr
    done = subprocess.run([sys.executable, "django_site.py", "segmo_doctor"], cwd=APPS, text=True, capture_output=True,
                          env={**site, "SEGMO_SPOOL_DIR": str(tmp_path / "file")}, timeout=60)
    assert done.returncode == 1 and str(tmp_path / "file") in done.stdout


def test_flush_fails_when_something_is_pending(site, sandbox, options):
    sandbox.script({"status": 503})
    with segmo.Client(**options) as client:
        client.track("u-1", "Lamp Lit")
        client.close(0)
    done = subprocess.run([sys.executable, "django_site.py", "segmo_flush", "--timeout", "0.2"], cwd=APPS, env=site,
                          text=True, capture_output=True, timeout=60)
    assert done.returncode == 1 and "still pending" in done.stderr


# ---- settings ----

SETUP = """
import sys
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["segmo.django"], SEGMO=eval(sys.argv[1]))
django.setup()
from segmo.django import campaign_export, client, on_commit
"""


@pytest.mark.parametrize("given, words", [
    ({"segment_write_kay": "WK1"}, 'SEGMO["segment_write_kay"]: there is no such setting; the nearest is segment_write_key'),
    ({"trusted_proxy": 1}, 'SEGMO["trusted_proxy"]: there is no such setting; the nearest is trusted_proxies'),
    ({"spool_max_bytes": "much"}, 'SEGMO["spool_max_bytes"]: '),
    ({"user_id": "no.such.module"}, 'SEGMO["user_id"]: no.such.module cannot be imported: '),
])
def test_a_wrong_setting_is_told_at_the_start(run_python, given, words):
    done = run_python(SETUP, repr(given))
    assert done.returncode == 1 and words in done.stderr


def test_a_refused_post_to_the_export_is_read_before_it_is_answered(run_python):
    """uWSGI cuts a connection that still holds a body, and whoever posted sees no answer."""
    done = run_python(SETUP + """
from django.test import RequestFactory
request = RequestFactory().post("/export", data=b"[1, 2, 3]", content_type="application/json")
print(campaign_export()(request).status_code, request.read())
""", repr({"export_secret": "secret"}))
    assert (done.returncode, done.stdout) == (0, "401 b''\n"), done.stderr


def test_the_export_needs_a_secret(run_python):
    done = run_python(SETUP + "campaign_export()", repr({}))
    assert done.returncode == 1 and 'ImproperlyConfigured: SEGMO["export_secret"]' in done.stderr


def test_nothing_is_opened_before_the_first_call(run_python, spool):
    assert run_python(SETUP, repr({})).returncode == 0
    assert not spool.exists()


def test_on_commit_refuses_at_once_what_the_client_would(run_python):
    done = run_python(SETUP + """
import segmo
try:
    on_commit.track("u-1", "", {"a": 1})
except segmo.InvalidError as error:
    print(error.field)
try:
    on_commit.track("u-1", "Lamp Lit", {"a": float("nan")})
except segmo.InvalidError as error:
    print(error.field)
""", repr({}))
    assert done.stdout.split() == ["/event", "/properties/a"], done.stderr


def test_changed_settings_count(run_python, sandbox):
    """As tests of a project change them."""
    done = run_python(SETUP + """
from django.test import override_settings
with override_settings(SEGMO={"library_name": "changed"}):
    client.track("u-1", "Lamp Lit")
client.track("u-1", "Lamp Lit")
""", repr({"library_name": "first"}))
    assert done.returncode == 0, done.stderr
    assert {message["context"]["library"]["name"] for message in arrived(sandbox, 2)} == {"changed", "first"}
