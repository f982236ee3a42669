"""The gateway's door on real sockets: smuggling, slowness, floods, bombs. Its reader's cases are in tests/vectors/http."""
import gzip
import json
import socket
import time
from pathlib import Path

import pytest

from gateway import read_all, statuses
from harness import ROOT, SANITIZED, gzipped, wait_until

EVENT = '{"userId":"u","event":"E","writeKey":"WKSHOP"}'


def request(*fields, body="", path="/v1/track", method="POST"):
    return ("%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s" % (method, path, "".join(f + "\r\n" for f in fields), body)).encode(
        "latin-1")


CHUNKED = "2e\r\n%s\r\n0\r\n\r\n" % EVENT
SMUGGLED = request(path="/healthz", method="GET").decode()
TABLE = [  # what is sent, the statuses of all answers: one more would be the smuggled request's
    ("length and chunks", request("Content-Length: 4", "Transfer-Encoding: chunked", body="0\r\n\r\n" + SMUGGLED), [400]),
    ("two lengths", request("Content-Length: 46", "Content-Length: 5", body=EVENT + SMUGGLED), [400]),
    ("length with a sign", request("Content-Length: +46", body=EVENT), [400]),
    ("unknown coding", request("Transfer-Encoding: xchunked", body=CHUNKED + SMUGGLED), [501]),
    ("blank before the colon", request("Transfer-Encoding : chunked", body=CHUNKED + SMUGGLED), [400]),
    ("NUL in a value", request("X: a\0b", "Content-Length: 46", body=EVENT), [400]),
    ("bare LF", request("Content-Length: 46", body=EVENT).replace(b"\r\n", b"\n"), [400]),
    ("folded line", request("X: a\r\n b", "Content-Length: 46", body=EVENT), [400]),
    ("no Host", request("Content-Length: 46", body=EVENT).replace(b"Host: a\r\n", b""), [400]),
    ("chunk size overflow", request("Transfer-Encoding: chunked", body="fffffffffffffffff\r\n" + SMUGGLED), [413]),
    ("length 2^64", request("Content-Length: 18446744073709551616", body=EVENT), [413]),
    ("chunk extension", request("Transfer-Encoding: chunked", body=CHUNKED.replace("2e", "2e;a=b")), [200]),
    ("64 KB header", request("X: " + "x" * 65536, "Content-Length: 46", body=EVENT), [431]),
    ("10,000 headers", request(*["A: b"] * 10000, "Content-Length: 46", body=EVENT), [431]),
    ("TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n" + bytes(200), [400]),
]


@pytest.mark.parametrize("sent, expected", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_request_that_two_readers_may_read_differently_is_refused(gateway, sent, expected):
    answer = gateway.raw(sent)
    found = statuses(answer)
    assert found == expected, answer
    assert (b"Connection: close" in answer) == (expected != [200])


def test_every_refusal_of_the_reader_is_answered_alike_over_a_socket(gateway):
    checked = 0
    for path in sorted((ROOT / "tests/vectors/http").glob("*.json")):
        case = json.loads(path.read_text())
        refused = case["reads"].strip()
        if refused not in ("400", "413", "414", "417", "431", "501", "505") or "repeat" in case:
            continue
        assert statuses(gateway.raw(case["bytes"].encode("latin-1"))) == [int(refused)], path.name
        checked += 1
    assert checked >= 40


def test_requests_in_one_packet_are_answered_in_order(gateway):
    first = request("Content-Length: 46", body=EVENT)
    answer = gateway.raw(first + request(path="/healthz", method="GET") + request(path="/nope", method="GET") + first)
    assert statuses(answer) == [200, 200, 404, 200]


def test_a_body_in_many_small_pieces_arrives_whole(gateway):
    with gateway.open() as connection:
        for byte in request("Transfer-Encoding: chunked", "Connection: close", body=CHUNKED):
            connection.sendall(bytes([byte]))
        assert statuses(read_all(connection)) == [200]


def test_who_expects_100_continue_is_asked_for_the_body(gateway):
    with gateway.open() as connection:
        connection.sendall(request("Content-Length: 46", "Expect: 100-continue", "Connection: close"))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(EVENT.encode())
        assert statuses(read_all(connection)) == [200]


def test_a_head_that_trickles_is_cut_at_its_absolute_deadline(start_gateway):
    gateway = start_gateway(**{"gateway.head_timeout_ms": 400, "gateway.body_timeout_ms": 400})
    with gateway.open() as connection:
        connection.settimeout(0.05)
        answer, begin = b"", time.monotonic()
        for byte in request(*["A: b"] * 90):
            try:
                connection.sendall(bytes([byte]))
                answer += connection.recv(1000)
            except socket.timeout:
                continue
            except OSError:
                break
            if answer:
                break
        assert statuses(answer) == [408], "after %.1f s" % (time.monotonic() - begin)
    assert gateway.metric("request_timeouts_total") == 1


def test_a_body_that_trickles_is_cut_at_its_absolute_deadline(start_gateway):
    gateway = start_gateway(**{"gateway.body_timeout_ms": 300})
    with gateway.open() as connection:
        connection.sendall(request("Content-Length: 46", body="{"))
        assert statuses(read_all(connection)) == [408]


def send_in_pieces(connection, head, piece):
    """Enough of them that what holds the request has to grow, and moves, while it comes."""
    connection.sendall(request("Origin: https://page.example", head))
    for _ in range(30):
        connection.sendall(piece)
        time.sleep(0.01)


def test_a_request_that_is_refused_after_it_grew_still_has_its_origin(start_gateway):
    gateway = start_gateway(**{"gateway.body_timeout_ms": 1500})
    with gateway.open() as late, gateway.open() as broken:
        send_in_pieces(late, "Content-Length: 400000", b" " * 10000)
        send_in_pieces(broken, "Transfer-Encoding: chunked", b"2710\r\n" + b" " * 10000 + b"\r\n")
        broken.sendall(b"no size\r\n")
        for connection, status in ((broken, 400), (late, 408)):
            answer = read_all(connection)
            assert statuses(answer) == [status]
            assert b"\r\nAccess-Control-Allow-Origin: https://page.example\r\n" in answer


def test_an_origin_longer_than_any_is_not_repeated(gateway):
    answer = gateway.raw(request("Origin: https://" + "p" * 9000, "Content-Length: 46", body=EVENT))
    assert statuses(answer) == [200]
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in answer and b"\r\nConnection: keep-alive\r\n" in answer


def test_slow_connections_do_not_hold_up_the_others(start_gateway):
    gateway = start_gateway(**{"gateway.head_timeout_ms": 1500})
    slow = [gateway.open() for _ in range(300)]
    for connection in slow:
        connection.sendall(b"POST /v1/track HT")
    connection = gateway.connect()
    for _ in range(100):
        assert gateway.request("POST", "/v1/track", EVENT, connection=connection).status == 200
    connection.close()
    for connection in slow:
        assert statuses(read_all(connection)) == [408]
        connection.close()
    assert gateway.metric("request_timeouts_total") == 300


def test_an_address_has_only_so_many_connections(start_gateway):
    gateway = start_gateway(**{"gateway.connections_per_address": 2})
    held = [gateway.open(), gateway.open()]
    for connection in held:
        connection.sendall(b"P")
    assert statuses(gateway.raw(b"")) == [429]
    held.pop().close()
    wait_until(lambda: statuses(gateway.raw(request(path="/healthz", method="GET"))) == [200], "there is room again")


def test_all_together_have_only_so_many_connections(start_gateway):
    gateway = start_gateway(**{"gateway.connections": 1})
    held = gateway.open()
    held.sendall(b"P")
    assert statuses(gateway.raw(b"")) == [503]
    held.close()


def test_requests_under_way_have_only_so_much_memory(start_gateway):
    gateway = start_gateway(**{"gateway.memory": 1 << 20})
    held = [gateway.open() for _ in range(12)]
    for connection in held:
        try:
            connection.sendall(request("Content-Length: 300000", body="x" * 200000))
        except OSError:
            pass  # it was refused while it still sent
    wait_until(lambda: gateway.metric("requests_busy_total") > 0, "a request is refused")
    assert gateway.metric("request_memory_bytes") <= 2 << 20
    for connection in held:
        connection.close()
    wait_until(lambda: gateway.post("/v1/track", EVENT).status == 200, "there is room again")


def test_a_gzip_bomb_is_refused_unopened(gateway):
    bomb = gzip.compress(bytes(200 << 20), 9)
    assert len(bomb) < 512000
    before = gateway_memory(gateway)
    answer = gateway.post("/v1/batch", bomb, Content_Encoding="gzip")
    assert (answer.status, answer.json["code"]) == (400, "payload_too_large")
    if not SANITIZED:
        assert gateway_memory(gateway) - before < 20 << 20


def gateway_memory(gateway):
    with open("/proc/%d/statm" % gateway.popen.pid) as statm:
        return int(statm.read().split()[1]) * 4096


@pytest.mark.parametrize("body", [b"", b"no gzip", gzipped(EVENT)[:-9], gzipped(EVENT) + b"x", gzipped(EVENT)[:30] + b"\0" * 40],
                         ids=["empty", "other bytes", "cut", "more behind", "damaged"])
def test_what_is_no_whole_gzip_is_refused(gateway, body):
    answer = gateway.post("/v1/track", body, Content_Encoding="gzip")
    assert (answer.status, answer.json["code"]) == (400, "invalid_gzip")


@pytest.mark.parametrize("body", [
    "[" * 100000, '{"a":' * 60000, '{"batch":[' + "[" * 90000, '{"batch":' + '[{"a":' * 30000, "{" * 500000, '"' + "\\" * 499999],
    ids=["lists", "objects", "batch", "in turn", "braces", "backslashes"])
def test_json_that_is_deep_or_endless_is_refused(gateway, body):
    assert gateway.post("/v1/batch", body).status == 400
    assert gateway.request("GET", "/healthz").status == 200


def test_a_message_that_cannot_be_read_does_not_cost_its_neighbours(gateway):
    good = EVENT.replace("{", '{"type":"track",', 1)
    bad = '{"type":"track","userId":"u","event":"E","properties":{"a":1,"a":2}}'
    before = gateway.metric("accepted_total", source="shop")
    assert gateway.post("/v1/batch", '{"batch":[%s,%s,7,%s]}' % (good, bad, good)).status == 200
    assert gateway.metric("accepted_total", source="shop") == before + 2


def test_without_a_descriptor_left_connections_are_turned_away_and_the_gateway_goes_on(start_gateway):
    resource = pytest.importorskip("resource")
    gateway = start_gateway()
    used = len(list(Path("/proc/%d/fd" % gateway.popen.pid).iterdir()))
    resource.prlimit(gateway.popen.pid, resource.RLIMIT_NOFILE, (used + 3, used + 3))
    held = [gateway.open() for _ in range(8)]
    for connection in held:
        connection.sendall(b"P")
    wait_until(lambda: any(statuses(read_some(connection)) == [503] for connection in held), "one is turned away")
    for connection in held:
        connection.close()
    wait_until(lambda: statuses(gateway.raw(request(path="/healthz", method="GET"))) == [200], "there is room again")


def read_some(connection):
    connection.settimeout(0.05)
    try:
        return connection.recv(4096)
    except OSError:
        return b""
