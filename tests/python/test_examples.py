"""The examples in docs/examples/python, run as their first lines say, against the sandbox."""
import subprocess
import sys

import pytest
from conftest import ROOT
from servers import Server, cookies, module
from test_web import bearer, event, payload

EXAMPLES = ROOT / "docs/examples/python"


@pytest.fixture
def start(processes, environment, tmp_path):
    """start(kind of server, application, its directory): a running example."""
    def run(kind, app, directory=EXAMPLES, **more):
        return processes(Server(kind, app, directory, tmp_path / f"{kind}.log", {
            **environment, "EXPORT_SECRET": "secret", "FLASK_SECRET_KEY": "f", "DJANGO_SECRET_KEY": "d",
            "SHOP_DATABASE": str(tmp_path / "shop.sqlite3"), **more}))
    return run


def arrived(sandbox, count):
    """The messages by name of event, or type."""
    sandbox.wait_for("segment", unique=count)
    messages = [entry["message"] for entry in sandbox.messages()]
    assert len(messages) == count
    return {message.get("event", message["type"]): message for message in messages}


def export_works(server):
    answer = server.request("POST", "/moengage/streams", payload(event(1), {}), bearer("secret"))
    assert (answer.status, answer.json["accepted"], len(answer.json["rejected"])) == (200, 1, 1)
    assert server.request("POST", "/moengage/streams", payload(event(2)), bearer("wrong")).status == 401
    assert server.get("/moengage/streams").status == 405


def test_plain(environment, sandbox):
    done = subprocess.run([sys.executable, EXAMPLES / "plain.py"], input="u-1,9.99\n,5\nu-2,12.50\n", text=True,
                          capture_output=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout) == (0, "delivered\n"), done.stderr
    assert done.stderr.startswith("/userId: ")
    sandbox.wait_for("segment", unique=2)
    assert {entry["message"]["properties"]["total"] for entry in sandbox.messages()} == {9.99, 12.5}


@pytest.mark.parametrize("kind, app", [("gunicorn", "shop.wsgi"), ("uwsgi", "shop.wsgi"), ("uvicorn", "shop.asgi:application")])
def test_django(start, environment, sandbox, tmp_path, kind, app):
    module("django")
    shop = EXAMPLES / "django_shop"
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=shop, check=True, timeout=60, env={
        **environment, "EXPORT_SECRET": "secret", "DJANGO_SECRET_KEY": "d", "PYTHONDONTWRITEBYTECODE": "1",
        "SHOP_DATABASE": str(tmp_path / "shop.sqlite3")})
    server = start(kind, app, shop)
    session = cookies(server.post("/sign-up", {"name": "asha", "plan": "gold"}))
    assert server.post("/sign-up", {"name": "asha"}).status == 500  # the name is taken: rolled back, nothing is said
    assert server.get("/search?query=lamp", Cookie=session, User_Agent="Lynx").text == "nothing found\n"
    export_works(server)
    messages = arrived(sandbox, 4)
    assert messages["identify"]["traits"]["name"] == "asha"
    assert messages["Signed Up"]["properties"] == {"plan": "gold"}
    assert messages["Products Searched"]["context"]["userAgent"] == "Lynx"
    assert {messages[name]["userId"] for name in ("identify", "Signed Up", "Products Searched")} == {"1"}
    assert server.stop() == 0, server.log()


@pytest.mark.parametrize("kind", ["gunicorn", "uwsgi"])
def test_flask(start, sandbox, kind):
    module("flask")
    server = start(kind, "flask_shop:app")
    session = cookies(server.post("/sign-in", {"user": "user-1", "plan": "gold"}))
    assert server.get("/search?query=lamp", Cookie=session, User_Agent="Lynx").text == "nothing found\n"
    export_works(server)
    messages = arrived(sandbox, 3)
    assert (messages["identify"]["userId"], messages["identify"]["traits"]) == ("user-1", {"plan": "gold"})
    searched = messages["Products Searched"]
    assert (searched["userId"], searched["properties"], searched["context"]["userAgent"]) == \
        ("user-1", {"query": "lamp"}, "Lynx")
    assert searched["context"]["page"]["search"] == "?query=lamp"
    assert server.stop() == 0, server.log()


@pytest.mark.parametrize("kind", ["uvicorn", "hypercorn"])
def test_fastapi(start, sandbox, kind):
    module("fastapi")
    server = start(kind, "fastapi_shop:app")
    signed_in = {"Authorization": "Bearer token-of-asha", "User_Agent": "Lynx"}
    assert server.get("/search?query=lamp", **signed_in).text == '"nothing found"'
    assert server.get("/search?query=lamp").status == 401
    assert server.request("POST", "/orders?total=9.99", headers={"Authorization": "Bearer token-of-asha"}).status == 200
    export_works(server)
    messages = arrived(sandbox, 3)
    searched, ordered = messages["Products Searched"], messages["Order Completed"]
    assert (searched["userId"], searched["context"]["userAgent"]) == ("user-1", "Lynx")
    assert (ordered["userId"], ordered["properties"]) == ("user-1", {"total": 9.99, "currency": "EUR"})
    assert ordered["context"]["page"]["path"] == "/orders"
    assert server.stop() == 0, server.log()


def test_celery(start, broker, start_worker, sandbox):
    worker = start_worker("celery_shop", EXAMPLES)
    server = start("gunicorn", "celery_shop:web", **broker)
    answer = server.post("/orders", {"user": "user-1", "order": "o-7"}, **{"User-Agent": "Lynx"})
    assert answer.text == "thank you\n", server.log()
    messages = arrived(sandbox, 2)
    placed, packed = messages["Order Placed"], messages["Order Packed"]
    assert packed["properties"] == {"order": "o-7"}
    for message in (placed, packed):
        assert (message["userId"], message["context"]["userAgent"]) == ("user-1", "Lynx")
        assert message["context"]["page"]["path"] == "/orders"
    assert server.stop() == 0
    assert worker.stop() == 0, worker.log()
