"""The sandbox fails as told, and only as told."""
import concurrent.futures
import http.client
import json
import socket
import struct
import time

import pytest

from harness import gzipped
from sandbox_cases import EVENT, SENDER, WRITER, check_refusal, numbered, send, statuses


def test_a_rule_fails_so_many_requests_after_so_many(sandbox):
    sandbox.script({"status": 503, "times": 2, "after": 1}, service="segment")
    assert statuses(sandbox, 5) == [200, 503, 503, 200, 200]
    assert sandbox.stats("segment")["scripted"] == {"status": 2}


def test_a_rule_is_for_its_service_alone(sandbox):
    sandbox.script({"status": 500}, service="moengage")
    assert statuses(sandbox, 1) == [200]
    check_refusal(sandbox.request("POST", "/v1/event/APP1", EVENT, SENDER), 500, "ServerError")


def test_a_failed_request_leaves_nothing_behind(sandbox):
    sandbox.script({"status": 429, "retry_after": 7, "times": 1})
    answer = send(sandbox, numbered(1))
    assert (answer.status, answer.headers["Retry-After"], answer.headers["X-RateLimit-Reset"]) == (429, "7", "7")
    assert answer.json["success"] is False
    assert sandbox.stats("segment")["accepted"] == 0


def test_a_share_of_requests_fails_and_the_seed_says_which(sandbox):
    runs = []
    for seed in (5, 5, 6):
        sandbox.script({"status": 503, "share": 0.3}, seed=seed)
        runs.append(statuses(sandbox, 200))
    assert runs[0] == runs[1] != runs[2]
    assert 30 <= runs[0].count(503) <= 90


def test_a_rule_matches_text_in_an_inflated_body(sandbox):
    sandbox.script({"status": 400, "match": "Poison"})
    assert send(sandbox, numbered(1)).status == 200
    bad = gzipped(json.dumps({"batch": [numbered(2, event="Poison Pill")]}))
    answer = sandbox.request("POST", "/v1/batch", bad, dict(WRITER, **{"Content-Encoding": "gzip"}))
    assert answer.status == 400


def test_a_rule_gives_the_words_of_an_answer(sandbox):
    sandbox.script({"status": 400, "body": "Bad Request", "times": 1}, {"status": 202, "body": "OK"})
    assert send(sandbox, numbered(1)).text == "Bad Request"
    answer = send(sandbox, numbered(2))
    assert (answer.status, answer.text) == (202, "OK")
    assert sandbox.stats("segment")["unique"] == 1  # a good status takes the messages
    assert send(sandbox, dict(numbered(3), userId=7)).status == 400


def test_rules_are_asked_in_order(sandbox):
    sandbox.script({"status": 500, "times": 1}, {"status": 502, "times": 1}, {"status": 504, "times": 1})
    assert statuses(sandbox, 4) == [500, 502, 504, 200]


@pytest.mark.parametrize("script, member", [
    ("{", ""), ("[]", "script"), ({"rules": []}, "service"), ({"service": "x", "rules": []}, "service"),
    ({"service": "*"}, "rules"), ({"service": "*", "rules": {}}, "rules"), ({"service": "*", "rules": [1]}, "rules"),
    ({"service": "*", "rules": [], "sed": 1}, "sed"), ({"service": "*", "rules": [{}]}, "rules"),
    ({"service": "*", "rules": [{"stat": 503}]}, "stat"), ({"service": "*", "rules": [{"status": "503"}]}, "status"),
    ({"service": "*", "rules": [{"status": 100}]}, "status"),
    ({"service": "*", "rules": [{"status": 503, "share": 1.5}]}, "share"),
    ({"service": "*", "rules": [{"status": 503, "never": True}]}, "rules"),
    ({"service": "*", "rules": [{"never": 1}]}, "never"),
    ({"service": "*", "rules": [{"reset_after_bytes": 1, "match": "x"}]}, "match"),
    ({"service": "*", "rules": [{"latency_ms": 1, "body": "x"}]}, "body"),
    ({"service": "*", "rules": [{"status": 503}] * 65}, "rules"),
], ids=str)
def test_a_bad_script_is_refused_and_changes_nothing(sandbox, script, member):
    sandbox.script({"status": 418})
    answer = sandbox.request("POST", "/script", script)
    assert (answer.status, answer.json["code"]) == (400, "bad_script")
    assert member in answer.json["message"]
    assert statuses(sandbox, 1) == [418]


def test_a_late_answer_holds_up_nobody_else(sandbox):
    sandbox.script({"latency_ms": 600000, "match": "Slow"})
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(send, sandbox, numbered(seq, event="Slow")) for seq in range(20)]
        sandbox.wait_for("segment", requests=20)
        assert send(sandbox, numbered(100)).status == 200
        assert not any(future.done() for future in slow)
        assert sandbox.stop() == 0
    assert not any(isinstance(future.exception(), TimeoutError) for future in slow)


def test_late_answers_come(sandbox):
    sandbox.script({"latency_ms": 100})
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        began = time.monotonic()
        assert set(pool.map(lambda seq: send(sandbox, numbered(seq)).status, range(10))) == {200}
        assert time.monotonic() - began >= 0.1
    assert sandbox.stats("segment")["scripted"] == {"latency": 10}


def test_latency_and_failure_go_together(start_sandbox):
    sandbox = start_sandbox("--latency-ms", "100", "--fail", "503:1")
    began = time.monotonic()
    assert statuses(sandbox, 1) == [503]
    assert time.monotonic() - began >= 0.1


def raw_request(sandbox, body, length=None):
    """Sends a request by hand; what comes back, and whether the connection was reset or ended."""
    with socket.create_connection((sandbox.host, sandbox.port), timeout=20) as sock:
        head = "POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Basic V0sxOg==\r\nContent-Length: %d\r\n\r\n"
        sock.sendall((head % (length or len(body))).encode() + body)
        got = b""
        while True:
            try:
                part = sock.recv(65536)
            except ConnectionResetError:
                return got, "reset"
            if not part:
                return got, "ended"
            got += part


def test_a_script_that_comes_between_head_and_body_holds_for_the_request(sandbox):
    body = json.dumps({"batch": [numbered(1)]})
    connection = http.client.HTTPConnection(sandbox.host, sandbox.port, timeout=20)
    connection.putrequest("POST", "/v1/batch")
    for name, value in dict(WRITER, **{"Content-Length": str(len(body))}).items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(body[:10].encode())
    time.sleep(0.2)  # its head is read
    sandbox.script({"status": 413, "match": "Lamp"})
    connection.send(body[10:].encode())
    assert connection.getresponse().status == 413
    connection.close()


def test_a_request_is_reset_before_its_body_is_complete(sandbox):
    sandbox.script({"reset_after_bytes": 100, "times": 1})
    got, end = raw_request(sandbox, b"x" * 150, length=100000)
    assert (got, end) == (b"", "reset")
    stats = sandbox.stats("segment")
    assert (stats["scripted"], stats["requests"], stats["accepted"]) == ({"reset_request": 1}, 1, 0)
    assert statuses(sandbox, 1) == [200]


def test_a_request_is_reset_at_its_head(sandbox):
    sandbox.script({"reset_after_bytes": 0, "times": 1})
    with pytest.raises((ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)):
        send(sandbox, numbered(1))


@pytest.mark.parametrize("size", [0, 1, 20, 90])
def test_an_answer_is_reset_after_the_messages_were_taken(sandbox, size):
    sandbox.script({"reset_answer_after_bytes": size, "times": 1})
    body = json.dumps({"batch": [numbered(1)]}).encode()
    got, end = raw_request(sandbox, body)
    assert (len(got), end) == (size, "reset")
    assert b"HTTP/1.1 200".startswith(got[:12])
    assert send(sandbox, numbered(1)).status == 200
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"], stats["statuses"]) == (1, 1, {"200": 1})


def test_no_answer_ever_until_the_rules_change(sandbox):
    sandbox.script({"never": True})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, sandbox, numbered(1))
        sandbox.wait_for("segment", requests=1)
        assert not waiting.done()
        sandbox.script()
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            waiting.result()
    assert sandbox.stats("segment")["accepted"] == 0


def test_a_client_that_goes_away_does_no_harm(sandbox):
    sandbox.script({"latency_ms": 200})
    for gone in range(10):
        with socket.create_connection((sandbox.host, sandbox.port)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            sandbox.wait_for("segment", requests=gone + 1)
    sandbox.script()
    assert statuses(sandbox, 1) == [200]
