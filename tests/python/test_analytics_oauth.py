"""OAuth of segmo.analytics: a token server that checks assertions, and a receiver that checks tokens."""
import email.utils
import http.server
import json
import logging
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest
from harness import Process, wait_until
from receiver import Receiver
from servers import free_port, uwsgi

import segmo
from segmo import analytics
from segmo._oauth import TokenKeeper, TokenSource
from segmo.analytics.client import Client
from segmo.analytics.request import APIError

try:
    import jwt
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
except ImportError:
    pytest.skip("not run: PyJWT and cryptography are not installed (Debian: python3-jwt python3-cryptography)",
                allow_module_level=True)

HOUR_S = 3600


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


class TokenServer:
    """Gives token-1, token-2, ... to whoever knows the key. `refuse(number)` may answer (status, headers, error)
    instead; `ahead_s` is how far its clock is ahead. Keeps the form of each request, and what was wrong with it."""

    def __init__(self, key, port=0, expires_in=HOUR_S, refuse=lambda number: None, ahead_s=0):
        self.forms, self.faults, self.paths = [], [], []
        self._key, self._expires_in, self._refuse, self._ahead_s = key, expires_in, refuse, ahead_s
        self._lock = threading.Lock()
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                owner.paths.append(self.path)
                status, headers, answer = owner._answer(dict(urllib.parse.parse_qsl(body)))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(time.time() + owner._ahead_s, usegmt=True)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _answer(self, form):
        with self._lock:
            self.forms.append(form)
            number = len(self.forms)
        refused = self._refuse(number)
        if refused:
            status, headers, error = refused
            return status, headers, json.dumps(error).encode()
        wrong = self._wrong_with(form)
        if wrong:
            self.faults.append(wrong)
            return 400, {}, json.dumps({"error": "invalid_request", "error_description": wrong}).encode()
        return 200, {}, json.dumps({"access_token": f"token-{number}", "expires_in": self._expires_in,
                                    "token_type": "Bearer"}).encode()

    def _wrong_with(self, form):
        header = jwt.get_unverified_header(form["client_assertion"])
        claims = jwt.decode(form["client_assertion"], self._key.public_key(), algorithms=["RS256"],
                            options={"verify_exp": False, "verify_iat": False, "verify_aud": False})
        now = time.time() + self._ahead_s
        if claims["exp"] < now:
            return "Token is expired"
        if claims["iat"] > now:
            return "Token used before issued"
        return None if claims["exp"] <= now + 60 and header["kid"] == "KEY-1" else "it lives too long"

    def end(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def tokens(key):
    """Starts token servers: tokens(expires_in=2)."""
    started = []

    def start(**options):
        started.append(TokenServer(key, **options))
        return started[-1]
    yield start
    for server in started:
        server.end()


@pytest.fixture
def receive():
    """Starts receivers that take these tokens and answer `status` to all others; without tokens: take any."""
    started = []

    def start(*good, status=401):
        def reply(request, number):
            word, token = request.headers["Authorization"].split()
            return (200 if word == "Bearer" and (token in good or not good) else status), {}, b"{}"
        started.append(Receiver(reply))
        return started[-1]
    yield start
    for receiver in started:
        receiver.end()


@pytest.fixture
def make(pem, monkeypatch):
    """Makes clients with OAuth that are ended with the test."""
    monkeypatch.setenv("SEGMO_CLOSE_TIMEOUT_MS", "1000")
    made = []

    def start(host, auth_server, **settings):
        made.append(Client("WK1", host, **{"upload_interval": 0.01, "oauth_client_id": "ID-1", "oauth_client_key": pem,
                                           "oauth_key_id": "KEY-1", "oauth_auth_server": auth_server, **settings}))
        return made[-1]
    yield start
    for client in made:
        client.join()


class Heard(list):
    def __call__(self, error, items):
        self.append((error, items))


def sent_with(receiver):
    return [request.headers["Authorization"] for request in receiver.requests]


def test_a_signed_assertion_buys_a_token_that_every_request_carries(make, receive, tokens, key):
    receiver, server = receive(), tokens()
    client = make(receiver.url, server.url + "/", oauth_scope="my:scope")
    client.track("u-1", "Lamp Lit", message_id="m-1")
    client.flush()
    (form,) = server.forms
    assert server.paths == ["/token"]
    assert form.pop("client_assertion") and form == {
        "grant_type": "client_credentials", "scope": "my:scope",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    client.track("u-1", "Lamp Lit", message_id="m-2")
    client.flush()
    assert sent_with(receiver) == ["Bearer token-1"] * 2
    assert {request.body["writeKey"] for request in receiver.requests} == {"WK1"}
    assert receiver.delivered() == ["m-1", "m-2"] and server.faults == []


def test_the_assertion_names_client_and_server_and_lives_less_than_a_minute(make, receive, tokens, key):
    server = tokens()
    client = make(receive().url, server.url)
    client.track("u-1", "Lamp Lit")
    client.flush()
    assertion = server.forms[0]["client_assertion"]
    claims = jwt.decode(assertion, key.public_key(), algorithms=["RS256"], audience=server.url, issuer="ID-1")
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "typ": "JWT", "kid": "KEY-1"}
    assert set(claims) == {"iss", "sub", "aud", "jti", "iat", "exp"} and claims["sub"] == "ID-1"
    assert claims["exp"] - claims["iat"] == 60


def test_a_token_is_renewed_before_it_expires(make, receive, tokens):
    receiver, server = receive(), tokens(expires_in=0.6)
    client = make(receiver.url, server.url)
    client.track("u-1", "Lamp Lit")
    client.flush()
    wait_until(lambda: len(server.forms) >= 4, "the token was renewed three times")
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert int(sent_with(receiver)[-1].rpartition("-")[2]) >= 3
    assert len({form["client_assertion"] for form in server.forms}) == len(server.forms)


@pytest.mark.parametrize("status", [400, 401, 403, 511])
def test_a_token_that_segment_refuses_is_replaced_and_nothing_is_lost(make, receive, tokens, status):
    receiver, server, heard = receive("token-2", status=status), tokens(), Heard()
    client = make(receiver.url, server.url, on_error=heard, upload_interval=0.1)
    ids = [client.track("u-1", "Lamp Lit")[1]["messageId"] for _ in range(4)]
    client.flush()
    assert sent_with(receiver)[0] == "Bearer token-1" and sent_with(receiver)[-1] == "Bearer token-2"
    assert sorted(receiver.delivered()) == sorted(ids) and client.pending() == 0
    assert (len(server.forms), heard) == (2, [])


def test_an_expired_token_is_replaced_again_and_again(make, receive, tokens):
    receiver, server = receive("token-2"), tokens()
    client = make(receiver.url, server.url)
    for good in ("token-2", "token-3", "token-4"):
        receiver.reply = lambda request, number, good=good: (
            200 if request.headers["Authorization"] == f"Bearer {good}" else 401, {}, b"{}")
        client.track("u-1", "Lamp Lit")
        client.flush()
        assert (client.pending(), sent_with(receiver)[-1]) == (0, f"Bearer {good}")
    assert len(server.forms) == 4


def test_a_refusal_that_is_heard_at_once_is_not_lost(tokens, pem):
    server = tokens()
    source = TokenSource("ID-1", pem, "KEY-1", server.url, "my:scope", timeout_s=10)
    used, failed = [], []

    def use(token):
        used.append(token)
        if len(used) == 1:
            assert keeper.refuse()
    keeper = TokenKeeper(source, use, failed.append, logging.getLogger("segment"))
    keeper.start()
    wait_until(lambda: len(used) == 2, "another token is fetched")
    keeper.stop()
    assert (used, failed) == (["token-1", "token-2"], [])


def test_when_new_tokens_are_refused_too_the_messages_wait_and_on_error_says_so(make, receive, tokens):
    receiver, server, heard = receive("none of them"), tokens(), Heard()
    client = make(receiver.url, server.url, on_error=heard)
    client.track("u-1", "Lamp Lit", message_id="m-1")
    client.flush()
    error, items = heard[0]
    assert isinstance(error, APIError) and (error.status, items, client.pending()) == (401, [], 1)
    receiver.reply = lambda request, number: (200, {}, b"{}")
    wait_until(client.queue.empty, "a later token is taken")


def test_without_a_token_server_messages_wait_and_nothing_is_lost(make, receive, tokens):
    receiver, port = receive(), free_port()
    client = make(receiver.url, f"http://127.0.0.1:{port}")
    ids = [client.track(f"u-{number}", "Lamp Lit")[1]["messageId"] for number in range(50)]
    client.flush(0.3)
    assert (client.pending(), receiver.requests) == (50, [])
    tokens(port=port, refuse=lambda number: (503, {}, {}) if number < 3 else None)
    client.flush()
    assert sorted(receiver.delivered()) == sorted(ids)


def test_the_old_token_serves_while_the_token_server_is_down(make, receive, tokens):
    receiver, server = receive(), tokens(expires_in=0.4, refuse=lambda number: (503, {}, {}) if number > 1 else None)
    client = make(receiver.url, server.url)
    client.track("u-1", "Lamp Lit")
    client.flush()
    wait_until(lambda: len(server.forms) >= 2, "a renewal failed")
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert sent_with(receiver) == ["Bearer token-1"] * 2


@pytest.mark.parametrize("status, header", [(429, "Retry-After"), (429, "X-RateLimit-Reset"), (503, "Retry-After")])
def test_the_token_server_is_left_alone_as_long_as_it_asks(make, receive, tokens, status, header):
    server = tokens(refuse=lambda number: (status, {header: "250"}, {"error": "rate_limited"}))
    client = make(receive().url, server.url)
    client.track("u-1", "Lamp Lit")
    client.flush(2)  # several tries would fit in
    assert (len(server.forms), client.pending()) == (1, 1)


def test_a_clock_that_is_wrong_does_not_matter(make, receive, tokens):
    for ahead_s in (HOUR_S, -HOUR_S):
        receiver, server = receive(), tokens(ahead_s=ahead_s)
        client = make(receiver.url, server.url)
        client.track("u-1", "Lamp Lit")
        client.flush()
        assert (len(server.faults), client.pending(), sent_with(receiver)) == (1, 0, ["Bearer token-2"])


def test_credentials_that_are_refused_end_the_waiting_not_the_messages_and_stay_secret(make, receive, tokens, pem, caplog):
    server, heard = tokens(refuse=lambda number: (400, {}, {"error": "invalid_client", "error_description": pem})), Heard()
    client = make(receive().url, server.url, on_error=heard)
    with caplog.at_level(logging.DEBUG):
        client.track("u-1", "Lamp Lit")
        client.flush()
    ((error, items),) = heard
    assert isinstance(error, APIError) and (error.status, items, client.pending()) == (400, [], 1)
    assert "invalid_client" in str(error) and "oauth_client_id" in str(error)
    assert "invalid_client" in caplog.text
    for secret in (pem.splitlines()[1], server.forms[0]["client_assertion"]):
        assert secret not in caplog.text + str(error)


def test_tokens_reach_no_log(make, receive, tokens, caplog):
    receiver, server = receive("token-2"), tokens()
    with caplog.at_level(logging.DEBUG):
        client = make(receiver.url, server.url, debug=True)
        client.track("u-1", "Lamp Lit")
        client.shutdown()
    assert "queueing" in caplog.text and "token-1" not in caplog.text and "token-2" not in caplog.text


def test_answers_without_a_token_are_none(make, receive, tokens):
    receiver = receive()
    answers = [(200, {}, []), (200, {}, {"access_token": ""}), (200, {}, {"access_token": "a b"}), (200, {}, {"access": 1}),
               (302, {"Location": "/elsewhere"}, {})]
    for answer in answers:
        server = tokens(refuse=lambda number: answer)
        client = make(receiver.url, server.url)
        client.track("u-1", "Lamp Lit")
        wait_until(lambda: server.forms, "it was asked")
        client.flush(0.1)
        assert client.pending() == 1 and set(server.paths) == {"/token"}
    assert receiver.requests == []


def test_in_sync_mode_a_call_returns_with_the_message_arrived_or_raises(make, receive, tokens):
    receiver = receive("token-1")
    client = make(receiver.url, tokens().url, sync_mode=True)
    client.track("u-1", "Lamp Lit", message_id="m-1")
    assert receiver.delivered() == ["m-1"]
    refusing = make(receiver.url, tokens(refuse=lambda number: (401, {}, {"error": "invalid_client"})).url, sync_mode=True)
    with pytest.raises(APIError) as raised:
        refusing.track("u-1", "Lamp Lit")
    assert raised.value.status == 401


def test_proxies_are_used_for_tokens_too(make, receive, tokens):
    receiver, proxy = receive(), tokens()
    client = make(receiver.url, "http://localhost:1", proxies={"http://localhost": proxy.url})
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert (proxy.paths, sent_with(receiver)) == (["http://localhost:1/token"], ["Bearer token-1"])


def test_settings_of_the_module(receive, tokens, pem, monkeypatch):
    receiver, server = receive(), tokens()
    for name, value in {"write_key": "WK1", "host": receiver.url, "oauth_client_id": "ID-1", "oauth_client_key": pem,
                        "oauth_key_id": "KEY-1", "oauth_auth_server": server.url, "oauth_scope": "my:scope",
                        "default_client": None}.items():
        monkeypatch.setattr(analytics, name, value)
    analytics.track("u-1", "Lamp Lit")
    analytics.shutdown()
    assert sent_with(receiver) == ["Bearer token-1"] and server.forms[0]["scope"] == "my:scope"


def test_oauth_is_on_when_id_key_and_key_id_are_given(make, tokens, pem):
    assert make(None, tokens().url, send=False).oauth_manager
    for missing in ("oauth_client_id", "oauth_client_key", "oauth_key_id"):
        assert make(None, tokens().url, send=False, **{missing: ""}).oauth_manager is None


@pytest.mark.parametrize("setting, value", [
    ("oauth_client_key", "swordfish"), ("oauth_auth_server", "http://192.0.2.1"), ("oauth_auth_server", "file:///etc"),
    ("oauth_auth_server", "oauth2.segment.io")])
def test_settings_that_cannot_work_are_refused_at_once(make, setting, value):
    with pytest.raises(segmo.OptionError) as refused:
        make(None, **{"auth_server": "https://127.0.0.1", "send": False, **{
            "auth_server" if setting == "oauth_auth_server" else setting: value}})
    assert refused.value.field == setting and "swordfish" not in str(refused.value)


def test_missing_packages_are_named_with_the_remedy(run_python):
    done = run_python("""
import sys
sys.modules["jwt"] = None
import segmo
from segmo.analytics.client import Client
try:
    Client("WK1", send=False, oauth_client_id="i", oauth_client_key="k", oauth_key_id="n")
except segmo.UnsupportedError as error:
    print(error)
""")
    assert "segmo[oauth]" in done.stdout and "python3-jwt" in done.stdout, done.stderr


@pytest.mark.parametrize("option, came_of_it", [([], "start uWSGI with enable-threads"), (["--enable-threads"], "made")])
def test_uwsgi_without_threads_is_refused_with_the_remedy(environment, tmp_path, pem, option, came_of_it):
    (tmp_path / "app.py").write_text("""
import os
import segmo
from segmo.analytics.client import Client
try:
    Client("WK1", send=False, oauth_client_id="ID-1", oauth_client_key=os.environ["PEM"], oauth_key_id="KEY-1")
    print("came of it: made", flush=True)
except segmo.UnsupportedError as error:
    print("came of it:", error, flush=True)
os._exit(0)
""")
    done = subprocess.run([uwsgi(), "--plugin", "python3", "--http-socket", f"127.0.0.1:{free_port()}", *option,
                           "--wsgi-file", tmp_path / "app.py"], env={**environment, "PEM": pem}, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("came of it:")]
    assert came_of_it in line


def test_workers_of_uwsgi_fetch_their_own_tokens(processes, environment, receive, tokens, pem, tmp_path):
    """Their client was made, and has sent, in the master, which forks without telling Python."""
    receiver, server = receive("token-1", "token-2", "token-3"), tokens()
    (tmp_path / "app.py").write_text("""
import os
from segmo.analytics.client import Client
client = Client("WK1", os.environ["HOST"], oauth_client_id="ID-1", oauth_client_key=os.environ["PEM"], oauth_key_id="KEY-1",
                oauth_auth_server=os.environ["SERVER"])
client.track("u-1", "Lamp Lit", message_id="of-the-master")

def application(environ, start_response):
    client.track("u-1", "Lamp Lit", message_id="of-a-worker")
    client.flush()
    start_response("200 OK", [])
    return [b""]
""")
    at = f"127.0.0.1:{free_port()}"
    processes(Process([uwsgi(), "--plugin", "python3", "--http-socket", at, "--master", "--enable-threads", "--wsgi-file",
                       str(tmp_path / "app.py")], env={**environment, "PEM": pem, "HOST": receiver.url, "SERVER": server.url},
                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def answer():
        try:
            return urllib.request.urlopen(f"http://{at}/", timeout=20).status
        except OSError:
            return None
    assert wait_until(answer, "the worker answers") == 200
    assert "of-a-worker" in receiver.delivered()


PROGRAM = """
import os, sys
from segmo.analytics.client import Client
host, server = sys.argv[1:]
client = Client("WK1", host, oauth_client_id="ID-1", oauth_client_key=os.environ["PEM"], oauth_key_id="KEY-1",
                oauth_auth_server=server)
"""


def test_a_forked_child_uses_and_renews_the_token(run_python, receive, tokens, pem):
    receiver, server = receive("token-1", "token-2", "token-3"), tokens()
    done = run_python(PROGRAM + """
client.track("u-1", "Lamp Lit", message_id="of-the-parent")
client.flush()
child = os.fork()
client.track("u-1", "Lamp Lit", message_id="of-the-child" if child == 0 else "of-the-parent-later")
client.shutdown()
if child:
    sys.exit(os.waitpid(child, 0)[1])
os._exit(0)
""", receiver.url, server.url, PEM=pem)
    assert done.returncode == 0, done.stderr
    assert sorted(receiver.delivered()) == ["of-the-child", "of-the-parent", "of-the-parent-later"]


def test_a_program_that_is_killed_before_the_first_token_loses_nothing(run_python, receive, tokens, pem):
    receiver = receive()
    done = run_python(PROGRAM + """
for number in range(20):
    client.track("u-1", "Lamp Lit", message_id=f"m-{number}")
os.kill(os.getpid(), 9)
""", receiver.url, f"http://127.0.0.1:{free_port()}", PEM=pem)
    assert (done.returncode, receiver.requests) == (-9, [])
    done = run_python(PROGRAM + "client.flush()\nprint(client.pending())", receiver.url, tokens().url, PEM=pem)
    assert done.stdout == "0\n", done.stderr
    assert receiver.delivered() == [f"m-{number}" for number in range(20)]
