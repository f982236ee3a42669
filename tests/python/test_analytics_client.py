"""segmo.analytics.Client against real receivers: its settings, how it delivers, and how it ends."""
import base64
import inspect
import json
import logging
import os
import subprocess
import threading

import pytest
from harness import ENVIRONMENT, wait_until
from receiver import Receiver
from test_analytics_peer import INSTALL, PACKAGE, PEER

import segmo
from segmo.analytics.client import Client, _proxy_for, require, stringify_id
from segmo.analytics.consumer import BATCH_SIZE_LIMIT, MAX_MSG_SIZE, FatalError
from segmo.analytics.request import APIError, DatetimeSerializer, post


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """So that what is tried again does not take minutes."""
    monkeypatch.setenv("SEGMO_DELIVERY_BACKOFF_BASE_MS", "5")
    monkeypatch.setenv("SEGMO_CLOSE_TIMEOUT_MS", "1000")


@pytest.fixture
def receive():
    started = []

    def start(reply=None):
        started.append(Receiver(reply))
        return started[-1]
    yield start
    for receiver in started:
        receiver.end()


@pytest.fixture
def make():
    """Makes clients that are ended with the test: make("WK1", url)."""
    made = []

    def start(*arguments, **settings):
        made.append(Client(*arguments, **{"upload_interval": 0.01, **settings}))
        return made[-1]
    yield start
    for client in made:
        client.join()


class Heard(list):
    """An on_error that remembers what it was told."""

    def __call__(self, error, items):
        self.append((error, items))

    @property
    def items(self):
        return [item for _, items in self for item in items]


def always(status, body=b"{}"):
    return lambda request, number: (status, {}, body)


# ---- arguments ----

DEFAULTS = [
    ("write_key", None), ("host", None), ("debug", False), ("max_queue_size", 10000), ("send", True),
    ("on_error", None), ("gzip", False), ("max_retries", 10), ("sync_mode", False), ("timeout", 15),
    ("proxies", None), ("thread", 1), ("upload_size", 100), ("upload_interval", 0.5), ("log_handler", None),
    ("oauth_client_id", None), ("oauth_client_key", None), ("oauth_key_id", None),
    ("oauth_auth_server", "https://oauth2.segment.io"), ("oauth_scope", "tracking_api:write")]


def test_arguments_their_order_and_defaults():
    parameters = list(inspect.signature(Client.__init__).parameters.values())[1:]
    assert [(parameter.name, parameter.default) for parameter in parameters] == DEFAULTS
    for name, default in DEFAULTS:
        assert getattr(Client.DefaultConfig, name) == default


def test_a_write_key_must_be_text_and_may_be_empty():
    for write_key in (None, 5):
        with pytest.raises(AssertionError) as raised:
            Client(write_key)
        assert raised.value.args == (f"write_key must have <class 'str'>, got: {write_key}",)
    assert Client("", send=False).write_key == ""


def test_attributes_that_applications_read():
    heard = Heard()
    client = Client("WK1", "https://example.org", False, 5, False, heard, True, 3, False, 7, {"https": "http://p"})
    assert (client.write_key, client.host, client.debug, client.send, client.sync_mode) == (
        "WK1", "https://example.org", False, False, False)
    assert (client.on_error, client.gzip, client.timeout, client.proxies, client.oauth_manager) == (
        heard, True, 7, {"https": "http://p"}, None)
    assert Client.log is logging.getLogger("segment")


def test_queue_tells_what_waits(make, receive):
    arrived = threading.Event()
    client = make("WK1", receive(lambda request, number: (arrived.wait(20), (200, {}, b"{}"))[1]).url)
    assert client.queue.empty() and client.queue.qsize() == 0 and client.queue.maxsize == 10000
    client.track("u-1", "Lamp Lit")
    assert (client.queue.qsize(), client.queue.empty(), client.queue.full()) == (1, False, False)
    arrived.set()
    client.queue.join()
    assert client.queue.empty()


def test_consumers_tell_the_settings(make, sandbox):
    client = make("WK1", sandbox.url, thread=3, timeout=7, max_retries=4)
    (consumer,) = client.consumers
    assert (consumer.timeout, consumer.retries, consumer.is_alive()) == (7, 4, True)
    client.shutdown()
    assert not consumer.is_alive()


def test_more_threads_need_no_setting(make, sandbox):
    client = make("WK1", sandbox.url, thread=4)
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert sandbox.stats("segment")["unique"] == 1


# ---- requests ----

def test_a_request_has_the_key_and_one_batch(make, receive):
    receiver = receive()
    client = make("WK1", receiver.url + "/")
    client.track("u-1", "Lamp Lit", message_id="m-1")
    client.flush()
    (request,) = receiver.requests
    assert (request.path, request.ids, request.body["writeKey"]) == ("/v1/batch", ["m-1"], "WK1")
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"WK1:").decode()
    assert "sentAt" in request.body


@pytest.mark.parametrize("gzip", [False, True])
def test_gzip(make, receive, gzip):
    receiver = receive()
    client = make("WK1", receiver.url, gzip=gzip)
    client.track("u-1", "Lamp Lit", {"x": "y" * 2000})
    client.flush()
    assert (receiver.requests[0].headers["Content-Encoding"] == "gzip") is gzip


def test_upload_size_and_interval(make, receive):
    receiver = receive()
    client = make("WK1", receiver.url, upload_size=2, upload_interval=3600)
    for number in range(5):
        client.track("u-1", "Lamp Lit", message_id=f"m-{number}")
    wait_until(lambda: len(receiver.delivered()) == 4, "two full batches arrive")
    client.flush()
    assert [request.ids for request in receiver.requests] == [["m-0", "m-1"], ["m-2", "m-3"], ["m-4"]]


def test_a_timeout_ends_an_attempt(make, receive):
    answered, heard = threading.Event(), Heard()
    receiver = receive(lambda request, number: (answered.wait(20), (200, {}, b"{}"))[1])
    client = make("WK1", receiver.url, on_error=heard, timeout=0.1, max_retries=0)
    client.track("u-1", "Lamp Lit", message_id="m-1")
    client.flush()
    answered.set()
    assert isinstance(heard[0][0], ConnectionError) and heard.items[0]["messageId"] == "m-1"


def test_a_timeout_may_be_a_pair_or_none(make, sandbox):
    for timeout in ((3.05, 27), None, 0.5):
        client = make("WK1", sandbox.url, timeout=timeout)
        assert client.track("u-1", "Lamp Lit")[0]
        client.flush()
    assert sandbox.stats("segment")["unique"] == 3


def test_proxies(make, receive, sandbox):
    proxy = receive()
    client = make("WK1", "http://api.example.org", proxies={"https": "http://127.0.0.1:1", "http": proxy.url})
    client.track("u-1", "Lamp Lit", message_id="m-1")
    client.flush()
    assert (proxy.requests[0].path, proxy.delivered()) == ("http://api.example.org/v1/batch", ["m-1"])


def test_the_narrowest_proxy_is_taken():
    every = {"https://api.segment.io": "a", "https": "b", "all://api.segment.io": "c", "all": "d"}
    for key, proxy in every.items():
        assert _proxy_for(None, every) == proxy
        every = {name: value for name, value in every.items() if name != key}
    assert _proxy_for(None, {"http": "e"}) is None and _proxy_for("http://h", {"http": "e"}) == "e"


def test_the_environment_beats_what_is_left_at_its_default(make, receive, monkeypatch):
    receiver = receive()
    monkeypatch.setenv("SEGMO_SEGMENT_HOST", receiver.url)
    monkeypatch.setenv("SEGMO_DELIVERY_GZIP", "true")
    client = make("WK1")
    client.track("u-1", "Lamp Lit", {"x": "y" * 2000})
    client.flush()
    assert receiver.requests[0].headers["Content-Encoding"] == "gzip"


def test_clients_with_different_keys_share_the_spool_directory(make, receive):
    receiver = receive()
    for write_key in ("WK1", "WK2"):
        client = make(write_key, receiver.url)
        client.track("u-1", "Lamp Lit", message_id=write_key)
        client.flush()
    assert {(request.body["writeKey"], *request.ids) for request in receiver.requests} == {("WK1", "WK1"), ("WK2", "WK2")}


def test_moengage_gets_the_same_events(make, sandbox, monkeypatch):
    for name, value in (("APP_ID", "APP1"), ("DATA_API_KEY", "KEY1"), ("URL", sandbox.url)):
        monkeypatch.setenv(f"SEGMO_MOENGAGE_{name}", value)
    client = make("WK1", sandbox.url)
    client.track("u-1", "Lamp Lit", {"lampType": "oil"})
    client.flush()
    services = {entry["service"]: entry for entry in sandbox.messages()}
    assert set(services) == {"segment", "moengage"}


# ---- failures ----

@pytest.mark.parametrize("max_retries", [0, 2])
def test_max_retries_counts_the_attempts_after_the_first(make, receive, max_retries):
    receiver, heard = receive(always(503)), Heard()
    client = make("WK1", receiver.url, max_retries=max_retries, on_error=heard)
    client.track("u-1", "Lamp Lit", message_id="m-1")
    client.flush()
    assert [request.ids for request in receiver.requests] == [["m-1"]] * (max_retries + 1)
    assert [item["messageId"] for item in heard.items] == ["m-1"]


def test_a_service_that_fails_and_recovers_gets_everything(make, receive):
    receiver, heard = receive(lambda request, number: (503 if number < 4 else 200, {}, b"{}")), Heard()
    client = make("WK1", receiver.url, on_error=heard)
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert len(receiver.requests) == 4 and heard == []


def test_on_error_gets_the_error_and_the_messages(make, receive):
    body = b'{"code": "invalid_request", "message": "malformed JSON"}'
    receiver, heard = receive(always(422, body)), Heard()
    client = make("WK1", receiver.url, on_error=heard, upload_interval=0.1)
    sent = [client.track("u-1", "Lamp Lit", {"n": number})[1] for number in range(3)]
    client.flush()
    client.join()
    assert heard.items == sent
    for error, _ in heard:
        assert isinstance(error, APIError)
        assert (error.status, error.code, error.message) == (422, "invalid_request", "malformed JSON")
        assert str(error) == "[Segment] invalid_request: malformed JSON (422)"


def test_an_answer_that_is_no_json_has_the_code_unknown(make, receive):
    heard = Heard()
    client = make("WK1", receive(always(422, b"Nope")).url, on_error=heard)
    client.track("u-1", "Lamp Lit")
    client.flush()
    client.join()
    assert str(heard[0][0]) == "[Segment] unknown: Nope (422)"


def test_one_bad_message_costs_no_other(make, receive):
    receiver = receive(lambda request, number: (400 if "bad" in request.ids else 200, {}, b"{}"))
    heard = Heard()
    client = make("WK1", receiver.url, on_error=heard, upload_interval=0.1)
    for message_id in ("good-1", "bad", "good-2"):
        client.track("u-1", "Lamp Lit", message_id=message_id)
    client.flush()
    client.join()
    assert [item["messageId"] for item in heard.items] == ["bad"]


def test_without_a_network_on_error_gets_a_connection_error(make):
    heard = Heard()
    client = make("WK1", "http://127.0.0.1:1", on_error=heard, max_retries=1)
    client.track("u-1", "Lamp Lit")
    client.flush()
    client.join()
    assert isinstance(heard[0][0], ConnectionError) and len(heard.items) == 1


def test_an_exception_in_on_error_stops_nothing(make, receive, caplog):
    def fail(error, items):
        raise RuntimeError("not today")
    receiver = receive(lambda request, number: (422 if number == 1 else 200, {}, b"{}"))
    client = make("WK1", receiver.url, on_error=fail)
    for number in range(3):
        client.track("u-1", "Lamp Lit")
        client.flush()
    client.join()
    assert len(receiver.requests) == 3
    assert "on_error raised an exception" in caplog.text


def test_wrong_credentials_keep_the_messages_and_do_not_hold_up_flush(make, receive, caplog):
    receiver, heard = receive(always(401)), Heard()
    client = make("WK1", receiver.url, on_error=heard)
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert client.queue.qsize() == 1
    client.join()
    assert [(error.status, error.code, items) for error, items in heard] == [(401, "invalid_credentials", [])]


def test_a_full_queue_answers_false(make, receive, caplog):
    answered = threading.Event()
    receiver = receive(lambda request, number: (answered.wait(20), (200, {}, b"{}"))[1])
    client = make("WK1", receiver.url, max_queue_size=3)
    answers = [client.track("u-1", "Lamp Lit", message_id=f"m-{number}") for number in range(5)]
    assert [accepted for accepted, _ in answers] == [True, True, True, False, False]
    assert answers[4][1]["messageId"] == "m-4"
    assert "analytics-python queue is full" in caplog.text and client.queue.full()
    answered.set()
    client.flush()
    assert client.track("u-1", "Lamp Lit")[0]


def test_the_usual_queue_is_bounded_by_the_spools_bytes(make, receive, monkeypatch):
    monkeypatch.setenv("SEGMO_SPOOL_MAX_BYTES", "8MiB")
    monkeypatch.setenv("SEGMO_DELIVERY_ENABLED", "false")
    client = make("WK1", "http://127.0.0.1:1")
    assert all(client.track("u-1", "Lamp Lit")[0] for _ in range(10001))
    assert any(not client.track("u-1", "Lamp Lit", {"x": "y" * 30000})[0] for _ in range(300))


def test_where_the_spool_cannot_be_messages_wait_in_memory(make, sandbox, monkeypatch, caplog):
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/state")
    client = make("WK1", sandbox.url)
    client.track("u-1", "Lamp Lit")
    client.flush()
    assert sandbox.stats("segment")["unique"] == 1
    assert "wait in memory" in caplog.text
    monkeypatch.setenv("SEGMO_SPOOL_DIR", "/dev/null/spool")
    with pytest.raises(segmo.IoError):
        Client("WK1", sandbox.url)


# ---- modes ----

def test_with_send_false_nothing_leaves_and_everything_is_checked(sandbox, tmp_path):
    client = Client("WK1", sandbox.url, send=False)
    assert client.track("u-1", "Lamp Lit")[0] is True
    assert client.track("u-1", "")[0] is False
    with pytest.raises(AssertionError):
        client.track("u-1")
    client.flush()
    client.shutdown()
    assert (client.queue.empty(), client.consumers[0].is_alive()) == (True, False)
    assert sandbox.stats("segment")["requests"] == 0
    assert not (tmp_path / "state").exists()


def test_sync_mode_returns_when_the_message_has_arrived(make, sandbox):
    client = make("WK1", sandbox.url, sync_mode=True)
    for number in range(3):
        assert client.track("u-1", "Lamp Lit")[0] is True
        assert sandbox.stats("segment")["unique"] == number + 1
    assert client.consumers is None
    client.flush()
    client.shutdown()


def test_sync_mode_raises_what_the_service_answered_and_does_not_try_again(make, receive):
    receiver, heard = receive(always(503, b'{"code": "busy", "message": "later"}')), Heard()
    client = make("WK1", receiver.url, sync_mode=True, on_error=heard)
    with pytest.raises(APIError) as raised:
        client.track("u-1", "Lamp Lit")
    assert str(raised.value) == "[Segment] busy: later (503)"
    client.shutdown()
    assert len(receiver.requests) == 1 and heard == []


def test_sync_mode_raises_when_there_is_no_answer(make, receive):
    answered = threading.Event()
    receiver = receive(lambda request, number: (answered.wait(20), (200, {}, b"{}"))[1])
    for url in ("http://127.0.0.1:1", receiver.url):
        with pytest.raises(ConnectionError):
            make("WK1", url, sync_mode=True, timeout=0.2).track("u-1", "Lamp Lit")
    answered.set()


def test_sync_mode_does_not_wait_for_a_service_that_refuses_the_key(make, receive):
    client = make("WK1", receive(always(401, b'{"code": "bad_key", "message": "no such key"}')).url, sync_mode=True)
    for code in ("bad_key", "invalid_credentials"):
        with pytest.raises(APIError) as raised:
            client.track("u-1", "Lamp Lit")
        assert (raised.value.status, raised.value.code) == (401, code)


def test_sync_mode_works_again_when_the_service_does(make, receive):
    receiver = receive(lambda request, number: (401 if number == 1 else 200, {}, b"{}"))
    client = make("WK1", receiver.url, sync_mode=True)
    with pytest.raises(APIError):
        client.track("u-1", "Lamp Lit")
    client.shutdown()
    assert client.track("u-1", "Lamp Lit")[0] is True


def test_sync_mode_from_many_threads(make, sandbox):
    client = make("WK1", sandbox.url, sync_mode=True)
    threads = [threading.Thread(target=client.track, args=(f"u-{number}", "Lamp Lit")) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.stats("segment")["unique"] == 8


def test_an_application_that_catches_the_errors_of_requests_catches_ours():
    if not os.path.exists(PEER):
        pytest.skip(f"not run: requests is not installed; {INSTALL}")
    program = """
import requests
from segmo.analytics import Client
try:
    Client("WK1", "http://127.0.0.1:1", sync_mode=True).track("u-1", "Lamp Lit")
except requests.exceptions.ConnectionError as error:
    print(isinstance(error, ConnectionError))
"""
    done = subprocess.run([PEER, "-c", program], capture_output=True, text=True, timeout=60, env={
        **ENVIRONMENT, "PYTHONPATH": str(PACKAGE), "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]})
    assert done.stdout == "True\n", done.stderr


def test_debug_logs_each_line_once_and_no_payload(run_python):
    done = run_python("""
import io, logging
from segmo.analytics import Client
lines = io.StringIO()
mine = logging.StreamHandler(lines)
for _ in range(3):
    client = Client("WK-secret", debug=True)
client.track("u-1", "Lamp Lit", {"password": "swordfish"})
Client("WK1", log_handler=mine, send=False)
Client("WK1", log_handler=mine, send=False, debug=True).track("u-1", "Lamp Lit", message_id="m-9")
print(logging.getLogger("segment").level, len(logging.getLogger("segment").handlers), lines.getvalue())
client.shutdown()
""")
    assert done.stdout == "10 2 queueing: track m-9\n\n", done.stderr
    assert done.stderr.count("queueing: track") == 2
    assert "swordfish" not in done.stderr and "secret" not in done.stderr


def test_oauth_is_refused_in_words():
    with pytest.raises(segmo.UnsupportedError, match="OAuth"):
        Client("WK1", oauth_client_id="id", oauth_client_key="key", oauth_key_id="key id")
    assert Client("WK1", send=False, oauth_client_id="id", oauth_scope="other").oauth_manager is None


# ---- life ----

def test_flush_returns_when_everything_has_arrived(make, sandbox):
    client = make("WK1", sandbox.url, upload_interval=3600)
    for number in range(250):
        client.track(f"u-{number}", "Lamp Lit")
    assert client.flush() is None
    assert sandbox.stats("segment")["unique"] == 250


def test_flush_may_have_a_timeout(make, sandbox):
    sandbox.script({"status": 503})
    client = make("WK1", sandbox.url, max_retries=1000000)
    client.track("u-1", "Lamp Lit")
    client.flush(0.2)
    assert client.queue.qsize() == 1
    sandbox.script()


def test_join_and_shutdown_end_the_client_and_later_calls_are_sent(make, sandbox):
    client = make("WK1", sandbox.url)
    client.track("u-1", "Lamp Lit")
    assert client.shutdown() is None
    assert sandbox.stats("segment")["unique"] == 1
    client.track("u-1", "Lamp Lit")
    assert client.join() is None
    assert sandbox.stats("segment")["unique"] == 2
    client.shutdown()


def test_calls_while_another_thread_ends_the_client(make, sandbox):
    client = make("WK1", sandbox.url)

    def work(user):
        for _ in range(50):
            assert client.track(f"u-{user}", "Lamp Lit")[0]
    threads = [threading.Thread(target=work, args=(user,)) for user in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        client.join()
    client.shutdown()
    wait_until(lambda: sandbox.stats("segment")["unique"] == 200, "all messages arrive")


def test_a_program_that_ends_without_flush_loses_nothing(run_python, sandbox):
    done = run_python("""
import os
import segmo.analytics as analytics
analytics.write_key, analytics.host = "WK1", os.environ["SEGMO_SEGMENT_HOST"]
for number in range(250):
    analytics.track(f"u-{number}", "Lamp Lit")
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.stats("segment")["unique"] == 250


def test_a_killed_program_loses_nothing(run_python, sandbox, make, environment, monkeypatch):
    done = run_python("""
import os, signal
import segmo.analytics as analytics
analytics.write_key, analytics.host = "WK1", "http://127.0.0.1:1"
for number in range(250):
    analytics.track("u-1", "Lamp Lit")
os.kill(os.getpid(), signal.SIGKILL)
""")
    assert done.returncode == -9
    monkeypatch.setenv("SEGMO_SPOOL_DIR", environment["SEGMO_SPOOL_DIR"])
    client = make("WK1", sandbox.url)
    client.track("u-1", "Lamp Lit")
    wait_until(lambda: sandbox.stats("segment")["unique"] == 251, "what the killed program accepted arrives")


def test_a_forked_child_sends_too(run_python, sandbox):
    done = run_python("""
import os
import segmo.analytics as analytics
analytics.write_key, analytics.host = "WK1", os.environ["SEGMO_SEGMENT_HOST"]
analytics.track("u-1", "Lamp Lit")
child = os.fork()
for number in range(100):
    analytics.track(f"u-{number}", "Lamp Lit")
analytics.shutdown()
if child:
    os.waitpid(child, 0)
""")
    assert (done.returncode, done.stderr) == (0, "")
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"]) == (201, 0)


def test_a_child_forked_in_the_midst_of_calls_does_not_hang(run_python, sandbox):
    done = run_python("""
import os, threading
from segmo.analytics import Client
url = os.environ["SEGMO_SEGMENT_HOST"]
clients = [Client("WK1", url, max_queue_size=5000), Client("WK1", url, sync_mode=True), Client("WK1", url, send=False)]
done = threading.Event()

def work(client):
    while not done.is_set():
        client.track("u-1", "Lamp Lit")

threads = [threading.Thread(target=work, args=(client,)) for client in clients]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if not child:
        for client in clients:
            for _ in range(5):
                assert client.track("u-2", "Child")[0]
            client.shutdown()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
for thread in threads:
    thread.join()
""")
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.stats("segment")["duplicates"] == 0
    assert sandbox.stats("segment")["unique"] > 200


def test_a_client_that_is_dropped_still_sends(run_python, sandbox):
    done = run_python("""
import os
from segmo.analytics import Client
for number in range(3):
    Client("WK1", os.environ["SEGMO_SEGMENT_HOST"]).track("u-1", "Lamp Lit")
""", PYTHONWARNINGS="error")
    assert (done.returncode, done.stderr) == (0, "")
    assert sandbox.stats("segment")["unique"] == 3


# ---- other names ----

def test_require_and_stringify_id():
    assert require("name", "text", str) is None
    assert [stringify_id(value) for value in (None, "a", 5, 1.5)] == [None, "a", "5", "1.5"]


def test_limits_and_errors_have_their_names():
    assert (MAX_MSG_SIZE, BATCH_SIZE_LIMIT) == (32768, 475000)
    assert str(APIError(400, "code", "message")) == "[Segment] code: message (400)"
    assert FatalError("gone").message == "gone" and str(FatalError("gone")) == "[Segment] gone"


def test_datetime_serializer():
    import datetime
    assert json.dumps([datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2)], cls=DatetimeSerializer) == (
        '["2020-01-02", "2020-01-02T00:00:00"]')
    with pytest.raises(TypeError):
        json.dumps(object(), cls=DatetimeSerializer)


def test_post_sends_a_batch_at_once(receive, sandbox):
    message = {"type": "track", "userId": "u-1", "event": "Lamp Lit", "messageId": "m-1"}
    assert post("WK1", sandbox.url, batch=[message, {**message, "messageId": "m-2"}]).status_code == 200
    assert sandbox.stats("segment")["unique"] == 2
    with pytest.raises(APIError):
        post("WK1", receive(always(422)).url, batch=[message])
