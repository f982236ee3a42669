"""What becomes of messages when receivers are slow, wrong, rude or gone: each has one outcome, none is lost."""
import email.utils
import json
import socket
import socketserver
import subprocess
import threading
import time
import urllib.parse

import pytest

from harness import wait_until
from led_host import ATTEMPT, DEAD, HOST, PAUSED, RESUMED, SKIPPED, WARNING, to_both, to_segment, tracks

PRODUCER = HOST.with_name("producer")


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def letters(segmo, spool, *words):
    return json.loads(segmo("dead", "list", "--json", "--set", "spool.dir=%s" % spool, *words).stdout)


# ---- outages ---------------------------------------------------------------------------------------


def test_a_receiver_that_is_down_and_comes_up_gets_everything(host, start_sandbox, spool):
    port = free_port()
    assert host.open(to_segment("http://127.0.0.1:%d" % port, spool)).ok
    host.put_all(tracks(300))
    wait_until(lambda: host.stats("segment")["retries"] > 2, "it was tried again")
    sandbox = start_sandbox("--port", str(port))
    assert host.flush().ok
    host.check_accounts(segment_delivered=300, segment_pending=0)
    assert sandbox.stats("segment")["unique"] == 300


@pytest.mark.parametrize("rules", [
    [{"status": 503, "share": 0.3}, {"status": 429, "share": 0.2}, {"status": 413, "share": 0.1}],
    [{"reset_after_bytes": 700, "share": 0.3}, {"reset_answer_after_bytes": 9, "share": 0.2}],
    [{"reset_answer_after_bytes": 60, "share": 0.3}, {"status": 500, "share": 0.2}, {"latency_ms": 5}],
    [{"latency_ms": 30}],
], ids=["statuses", "resets", "broken answers", "slow"])
def test_trouble_loses_nothing_and_keeps_the_order(host, sandbox, spool, rules):
    sandbox.script(*rules)
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.flush_at": 20, "delivery.lanes": 4})).ok
    host.put_all(tracks(1000))
    assert host.flush().ok
    segment = sandbox.stats("segment")
    host.check_accounts(segment_delivered=1000 - segment_dead(host))
    assert segment["unique"] == host.stats("segment")["delivered"]
    assert segment["order_violations"] == 0


def segment_dead(host):
    return host.stats("segment")["dead"]


def test_a_receiver_that_never_answers_is_given_up_and_tried_again(host, sandbox, spool):
    sandbox.script({"never": True, "times": 2})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.timeout_ms": 200})).ok
    host.put_all(tracks(10))
    assert host.flush().ok
    host.check_accounts(segment_delivered=10)
    assert host.stats("segment")["retries"] >= 2


# ---- attempts --------------------------------------------------------------------------------------


def test_each_attempt_counts_itself_and_is_stamped_anew(host, receive, spool):
    receiver = receive(lambda request, number: (503, {}, b"") if number <= 3 else (200, {}, b"{}"))
    assert host.open(to_segment(receiver.url, spool)).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    assert [request.headers.get("X-Retry-Count") for request in receiver.requests] == [None, "1", "2", "3"]
    assert {tuple(request.ids) for request in receiver.requests} == {("m-0",)}
    stamps = [request.body["sentAt"] for request in receiver.requests]
    assert stamps == sorted(stamps) and len(set(stamps)) > 1


@pytest.mark.parametrize("wait", ["seconds", "date"])
def test_retry_after_pauses_the_whole_destination(host, receive, spool, wait):
    def reply(request, number):
        if number > 1:
            return 200, {}, b"{}"
        moments.append(time.time())
        return 429, {"Retry-After": "1" if wait == "seconds" else email.utils.formatdate(time.time() + 2,
                                                                                      usegmt=True)}, b""
    moments = []
    receiver = receive(reply)
    assert host.open(to_segment(receiver.url, spool, **{"delivery.flush_at": 1})).ok
    host.put_all(tracks(1))
    wait_until(lambda: receiver.requests, "the first request")
    host.put_all(tracks(40, first=1))
    assert host.flush().ok
    first = moments[0]
    host.check_accounts(segment_delivered=41)
    assert time.time() >= first + 0.9  # never before the receiver allowed it
    assert len(receiver.requests) == 42


@pytest.mark.parametrize("headers", [{"Retry-After": "0"}, {"X-RateLimit-Reset": "0"}], ids=["retry", "reset"])
def test_at_once_is_done_once(host, receive, spool, headers):
    receiver = receive(lambda request, number: (429, headers, b"") if number <= 2 else (200, {}, b"{}"))
    assert host.open(to_segment(receiver.url, spool, **{"delivery.backoff_base_ms": 60000,
                                                        "delivery.backoff_cap_ms": 60000})).ok
    host.put_all(tracks(1))
    wait_until(lambda: len(receiver.requests) == 2, "it is sent again at once")
    assert not host.flush(300).ok
    assert len(receiver.requests) == 2
    host.check_accounts(segment_pending=1)


def test_rate_limited_without_a_word_slows_one_lane_only(host, sandbox, spool):
    sandbox.script({"status": 429, "match": "\"u-slow\""})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.flush_at": 1})).ok
    host.put_all(tracks(1, userId="u-slow"))
    sandbox.wait_for("segment", requests=1)
    host.put_all(tracks(50, first=1))
    host.wait_delivered(50)
    host.check_accounts(segment_pending=1)
    sandbox.script()
    assert host.flush().ok
    host.check_accounts(segment_delivered=51)


def test_max_attempts_ends_in_dead_letters_with_reason_and_answer(host, sandbox, segmo, spool):
    sandbox.script({"status": 500, "body": "out of order"})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.max_attempts": 3})).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    host.check_accounts(segment_dead=5)
    assert {(letter["reason"], letter["status"], letter["attempts"], letter["answer"])
            for letter in letters(segmo, spool)} == {("http_500", 500, 3, "out of order")}
    assert len(host.reported(DEAD)) == 5


def test_max_age_ends_what_was_tried_for_too_long(host, sandbox, segmo, spool):
    sandbox.script({"status": 503})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.max_age_ms": 1000})).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    host.check_accounts(segment_dead=5)
    assert {letter["reason"] for letter in letters(segmo, spool)} == {"max_age"}


# ---- refusals --------------------------------------------------------------------------------------


def test_413_splits_until_pieces_fit_and_a_single_too_large_one_dies(host, receive, segmo, spool):
    def reply(request, number):
        fits = len(request.batch) <= 3 and "m-7" not in request.ids
        return (200, {}, b"{}") if fits else (413, {}, b"too big")
    receiver = receive(reply)
    assert host.open(to_segment(receiver.url, spool, **{"delivery.flush_at": 40, "delivery.lanes": 1})).ok
    host.put_all(tracks(40))
    assert host.flush().ok
    host.check_accounts(segment_delivered=39, segment_dead=1)
    dead, = letters(segmo, spool)
    assert (dead["message"]["messageId"], dead["reason"], dead["status"]) == ("m-7", "too_large", 413)


def test_bisection_finds_the_one_bad_message_and_no_neighbour_dies(host, sandbox, segmo, spool):
    sandbox.script({"status": 400, "match": "\"poison\"", "body": "{\"error\":\"bad event\"}"})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.lanes": 1})).ok
    messages = tracks(100)
    messages[63]["event"] = "poison"
    host.put_all(messages)
    assert host.flush().ok
    host.check_accounts(segment_delivered=99, segment_dead=1)
    assert sandbox.stats("segment")["unique"] == 99
    dead, = letters(segmo, spool)
    assert (dead["message"]["messageId"], dead["reason"], dead["status"]) == ("m-63", "refused", 400)
    assert "bad event" in dead["answer"]


def test_a_batch_refused_to_the_last_message_pauses_and_kills_none(host, sandbox, spool):
    sandbox.script({"status": 400})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.lanes": 1, "delivery.flush_at": 20,
                                                       "delivery.flush_interval_ms": 60000})).ok
    host.put_all(tracks(20))
    paused, = host.wait_report(PAUSED)
    assert paused["reason"] == "everything_refused"
    host.check_accounts(segment_dead=0, segment_pending=20)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_wrong_settings_pause_with_one_report_and_resume_when_the_file_is_right(host, receive, spool, tmp_path,
                                                                                 status):
    right = "WK-right"

    def reply(request, number):
        import base64
        key = base64.b64decode(request.headers["Authorization"].split()[1]).decode()
        return (200, {}, b"{}") if key == right + ":" else (status, {}, b"{}")
    receiver = receive(reply)
    file = tmp_path / "segmo.json"
    file.write_text(json.dumps({"segment.write_key": "WK-wrong", "segment.host": receiver.url}))
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10, "delivery.flush_at": 5}, file=file).ok
    host.put_all(tracks(100))
    host.wait_report(PAUSED)
    assert not host.flush(300).ok
    host.check_accounts(segment_dead=0, segment_delivered=0, segment_pending=100)
    assert len(host.reported(PAUSED)) == 1
    file.write_text(json.dumps({"segment.write_key": right, "segment.host": receiver.url}))
    assert host.flush().ok
    host.check_accounts(segment_dead=0, segment_delivered=100)
    assert (len(host.reported(PAUSED)), len(host.reported(RESUMED))) == (1, 1)


def test_a_flush_to_a_mark_does_not_wait_for_what_came_later(host, receive, spool):
    def reply(request, number):
        return 503 if any(message["userId"] == "late" for message in request.body["batch"]) else 200, {}, b"{}"
    receiver = receive(reply)
    assert host.open(to_segment(receiver.url, spool, **{"delivery.flush_at": 1})).ok
    host.put_all(tracks(20))
    assert host.ask("mark").ok
    host.put_all([dict(message, userId="late") for message in tracks(20, first=20)])
    assert host.ask("flush_to", 20000).ok
    assert not host.flush(300).ok
    host.check_accounts(segment_delivered=20, segment_pending=20)


def test_the_deepest_message_that_is_accepted_is_delivered(host, sandbox, spool):
    inside = {}
    for _ in range(61):  # the message, properties and x make 64
        inside = {"x": inside}
    assert host.open(to_segment(sandbox.url, spool)).ok
    host.put_all([dict(tracks(1)[0], properties={"x": inside})])
    assert host.flush().ok
    host.check_accounts(segment_delivered=1)


def test_a_proxy_that_cannot_be_used_pauses_and_says_so(host, spool):
    assert host.open(to_segment("http://127.0.0.1:9", spool, **{"delivery.proxy": "foo://127.0.0.1:9"})).ok
    host.put_all(tracks(1))
    assert not host.flush(300).ok
    paused, = host.wait_report(PAUSED)
    assert "proxy" in paused["remedy"]
    host.check_accounts(segment_pending=1, segment_dead=0)


def test_stats_tell_the_last_failure(host, receive, spool):
    receiver = receive(lambda request, number: (503 if number == 1 else 200, {}, b"{}"))
    assert host.open(to_segment(receiver.url, spool)).ok
    assert host.stats("segment")["last_failure"] is None
    host.put_all(tracks(1))
    assert host.flush().ok
    failure = host.stats("segment")["last_failure"]
    assert (failure["reason"], failure["status"]) == ("http_503", 503)
    assert failure["at"].endswith("Z")


@pytest.mark.parametrize("status", [301, 302, 307, 308, 511])
def test_redirects_are_not_followed_and_kill_nothing(host, receive, segmo, spool, status):
    elsewhere = receive()
    receiver = receive(lambda request, number: (status, {"Location": elsewhere.url + "/v1/batch"}, b""))
    assert host.open(to_segment(receiver.url, spool)).ok
    host.put_all(tracks(3))
    assert not host.flush(300).ok
    paused, = host.wait_report(PAUSED)
    assert paused["reason"] == ("redirect" if status < 400 else "network_authentication")
    assert elsewhere.requests == []
    host.check_accounts(segment_delivered=0, segment_pending=3)
    assert letters(segmo, spool) == []


@pytest.mark.parametrize("garbage", [b"\x00\xff" * 3000, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200", b"",
                                     b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400000],
                         ids=["zeros", "ssh", "half a line", "nothing", "no number", "a huge header"])
def test_what_is_no_answer_is_tried_again(host, receive, spool, garbage):
    receiver = receive(lambda request, number: garbage if number <= 2 else (200, {}, b"{}"))
    assert host.open(to_segment(receiver.url, spool)).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    host.check_accounts(segment_delivered=5)


def test_a_huge_answer_is_cut_and_counts(host, receive, spool):
    receiver = receive(lambda request, number: (200, {}, b"x" * (8 << 20)))
    assert host.open(to_segment(receiver.url, spool)).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    host.check_accounts(segment_delivered=1)
    assert len(receiver.requests) == 1


# ---- TLS and proxies -------------------------------------------------------------------------------


def test_a_self_signed_certificate_pauses_and_a_ca_file_makes_it_work(host, receive, certificate, spool):
    path = certificate("here", "IP:127.0.0.1")
    receiver = receive(certificate=path)
    assert host.open(to_segment(receiver.url, spool)).ok
    host.put_all(tracks(5))
    paused, = host.wait_report(PAUSED)
    assert "ca_file" in paused["remedy"]
    host.check_accounts(segment_pending=5, segment_dead=0)
    assert receiver.requests == []
    assert not host.close(0).ok
    host.ask("free")
    assert host.open(to_segment(receiver.url, spool, **{"delivery.ca_file": path + ".crt"})).ok
    assert host.flush().ok
    assert receiver.delivered() == ["m-%d" % seq for seq in range(5)]


def test_a_certificate_of_another_host_is_refused(host, receive, certificate, spool):
    path = certificate("elsewhere", "DNS:elsewhere.example")
    receiver = receive(certificate=path)
    assert host.open(to_segment(receiver.url, spool, **{"delivery.ca_file": path + ".crt"})).ok
    host.put_all(tracks(5))
    host.wait_report(PAUSED)
    host.check_accounts(segment_pending=5, segment_dead=0)
    assert receiver.requests == []


def test_plain_http_to_another_machine_is_refused_at_open(host, spool):
    answer = host.open(to_segment("http://192.0.2.1", spool))
    assert answer["status"] == "SEGMO_ERR_OPTION"
    assert answer["field"] == "segment.host"
    assert "https" in answer["message"]


class Proxy(socketserver.ThreadingTCPServer):
    """CONNECT and plain requests, to wherever `target` is."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, target):
        self.target = target
        self.heads = []
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            head = b""
            while b"\r\n\r\n" not in head:
                head += self.request.recv(65536)
            self.server.heads.append(head.split(b"\r\n")[0].decode())
            onward = socket.create_connection(("127.0.0.1", self.server.target))
            if head.startswith(b"CONNECT"):
                self.request.sendall(b"HTTP/1.1 200 yes\r\n\r\n")
            else:
                onward.sendall(head)
            back = threading.Thread(target=self.pump, args=(onward, self.request), daemon=True)
            back.start()
            self.pump(self.request, onward)
            back.join(5)

        @staticmethod
        def pump(come, go):
            try:
                while True:
                    piece = come.recv(65536)
                    if not piece:
                        break
                    go.sendall(piece)
                go.shutdown(socket.SHUT_WR)
            except OSError:
                pass


@pytest.fixture
def proxy_to():
    started = []

    def start(port):
        started.append(Proxy(port))
        return started[-1]
    yield start
    for proxy in started:
        proxy.shutdown()
        proxy.server_close()


def test_a_proxy_carries_plain_requests(host, receive, proxy_to, spool):
    receiver = receive()
    proxy = proxy_to(receiver.port)
    assert host.open(to_segment(receiver.url, spool,
                                **{"delivery.proxy": "http://127.0.0.1:%d" % proxy.server_address[1]})).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    assert len(receiver.delivered()) == 5
    assert proxy.heads[0].startswith("POST http://127.0.0.1:")


def test_a_proxy_tunnels_https(host, receive, certificate, proxy_to, spool):
    path = certificate("tunnelled", "DNS:localhost,IP:127.0.0.1")
    receiver = receive(certificate=path)
    proxy = proxy_to(receiver.port)
    assert host.open(to_segment("https://localhost:%d" % receiver.port, spool, **{
        "delivery.ca_file": path + ".crt", "delivery.proxy": "http://127.0.0.1:%d" % proxy.server_address[1]})).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    assert len(receiver.delivered()) == 5
    assert proxy.heads[0].startswith("CONNECT localhost:")


# ---- two destinations ------------------------------------------------------------------------------


@pytest.mark.parametrize("down", ["segment", "moengage"])
@pytest.mark.parametrize("how", [{"status": 503}, {"never": True}], ids=["503", "silence"])
def test_one_destination_down_does_not_hold_up_the_other(host, start_sandbox, spool, down, how):
    sick, well = start_sandbox(), start_sandbox()
    sick.script(how)
    segment, moengage = (sick, well) if down == "segment" else (well, sick)
    up = "moengage" if down == "segment" else "segment"
    assert host.open(to_both(segment.url, moengage.url, spool), **{"delivery.timeout_ms": 1000}).ok
    host.put_all(tracks(500))
    host.wait_delivered(500, up)
    assert host.stats(down)["delivered"] == 0
    sick.script()
    assert host.flush().ok
    host.check_accounts(segment_delivered=500, moengage_delivered=500)
    assert segment.stats("segment")["unique"] == 500
    assert moengage.stats("moengage")["unique"] == 500


def test_the_rate_limit_of_moengage_is_kept(host, start_sandbox, spool):
    sandbox = start_sandbox("--rate-limit", "600/60")
    assert host.open(to_both(sandbox.url, sandbox.url, spool), **{"moengage.events_per_minute": 600}).ok
    host.put_all(tracks(30))
    assert host.flush().ok
    host.check_accounts(moengage_delivered=30)
    assert sandbox.stats("moengage")["unique"] == 30


@pytest.mark.parametrize("slow", [{"moengage.events_per_minute": 600, "delivery.flush_at": 10},
                                  {"delivery.max_batch_bytes": 40960, "delivery.flush_interval_ms": 500}],
                         ids=["rate limit", "full bodies"])
def test_a_warning_is_told_once_however_often_a_body_is_made(host, sandbox, spool, slow):
    wide = {"pad_%d" % at: "x" * 500 for at in range(10)}
    assert host.open(to_both(sandbox.url, sandbox.url, spool), **slow).ok
    host.put_all([dict(message, properties=dict(wide, moe_reserved=1)) for message in tracks(40)])
    assert host.flush().ok
    host.check_accounts(moengage_delivered=40, moengage_warnings=40)
    told = [(report["messageId"], report["code"]) for report in host.reported(WARNING)]
    assert told and len(told) == len(set(told))


def test_one_message_goes_to_its_own_path_and_many_in_bulk(host, receive, spool):
    receiver = receive()
    assert host.open({"segment.enabled": "false"}, to_both(receiver.url, receiver.url, spool)).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    host.put_all(tracks(50, first=1))
    assert host.flush().ok
    paths = [urllib.parse.urlsplit(request.path).path for request in receiver.requests]
    assert paths[0] == "/v1/event/APP1"
    assert "/v1/transition/APP1" in paths


def test_merge_and_the_test_environment_have_their_own_addresses(host, receive, spool):
    receiver = receive()
    assert host.open({"segment.enabled": "false"}, to_both(receiver.url, receiver.url, spool), **{
        "moengage.alias_merge": "true", "moengage.debug": "true", "moengage.test_data_api_key": "TESTKEY"}).ok
    host.put_all(tracks(1) + [{"type": "alias", "userId": "new", "previousId": "old", "messageId": "m-alias"}])
    assert host.flush().ok
    paths = sorted(request.path for request in receiver.requests)
    assert paths == ["/v1/customer/merge?app_id=APP1_DEBUG", "/v1/event/APP1_DEBUG"]


# ---- closing ---------------------------------------------------------------------------------------


def test_close_ends_although_nobody_answers_and_leaves_the_rest(host, sandbox, spool):
    sandbox.script({"never": True})
    assert host.open(to_segment(sandbox.url, spool)).ok
    host.put_all(tracks(50))
    answer = host.close(200)
    assert answer["status"] == "SEGMO_ERR_TIMEOUT"
    host.check_accounts(segment_pending=50)
    assert host.put(tracks(1)[0])["status"] == "SEGMO_ERR_CLOSED"
    assert host.flush(10)["status"] == "SEGMO_ERR_CLOSED"
    assert host.close(10)["status"] == "SEGMO_ERR_CLOSED"
    assert host.ask("poll", 0).ok
    host.ask("free")
    sandbox.script()
    assert host.open(to_segment(sandbox.url, spool)).ok
    assert host.flush().ok
    assert sandbox.stats("segment")["unique"] == 50


def test_two_clients_in_one_process_keep_apart(host, start_sandbox, tmp_path):
    sandboxes = [start_sandbox(), start_sandbox()]
    for number, sandbox in enumerate(sandboxes):
        host.ask("use", number)
        assert host.open(to_segment(sandbox.url, tmp_path / str(number))).ok
        host.put_all(tracks(100 + number))
    for number, sandbox in enumerate(sandboxes):
        host.ask("use", number)
        assert host.flush().ok
        host.check_accounts(segment_delivered=100 + number)
        assert host.close().ok
        assert sandbox.stats("segment")["unique"] == 100 + number


@pytest.mark.parametrize("trouble", [[], [{"status": 503, "share": 0.3}, {"reset_after_bytes": 100, "share": 0.1}]],
                         ids=["calm", "trouble"])
def test_16_threads_call_everything_while_one_closes(tmp_path, sandbox, spool, trouble):
    if not PRODUCER.exists():
        pytest.skip("not run: %s is not built" % PRODUCER)
    sandbox.script(*trouble)
    command = [PRODUCER, "crowd", tmp_path / "accepted", spool, sandbox.url, "0", "4000", "1"]
    crowd = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (crowd.returncode, crowd.stderr) == (0, "")
    outcome = json.loads(crowd.stdout)
    segment = outcome["stats"]["destinations"]["segment"]
    assert outcome["taken"] == segment["accepted"] > 0
    assert segment["accepted"] == segment["delivered"] + segment["dead"] + segment["pending"] + segment["skipped"]
    sandbox.script()
    command[1], command[6] = "finish", "0"
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert sandbox.stats("segment")["unique"] == outcome["taken"]


# ---- what reports tell -----------------------------------------------------------------------------


@pytest.mark.parametrize("letters", ["true", "false"])
def test_a_dead_message_is_reported_whole_where_someone_asks_for_it(host, sandbox, spool, letters):
    sandbox.script({"status": 422})
    assert host.open(to_segment(sandbox.url, spool, **{"reports.letters": letters, "reports.attempts": "true"})).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    (dead,) = host.reported(DEAD)
    (attempt,) = host.reported(ATTEMPT)
    assert (dead["destination"], dead["reason"], dead["status"]) == ("segment", "http_422", 422)
    assert (attempt["status"], attempt["messageIds"]) == (422, [dead["messageId"]])
    if letters == "true":
        assert dead["letter"]["message"]["messageId"] == dead["messageId"]
        assert (dead["letter"]["attempts"], dead["letter"]["answer"]) == (1, attempt["answer"])
    else:
        assert "letter" not in dead


def test_an_attempt_tells_the_services_own_code(host, start_sandbox, spool):
    sandbox = start_sandbox("--write-key", "another")
    assert host.open(to_segment(sandbox.url, spool, **{"reports.attempts": "true"})).ok
    host.put_all(tracks(1))
    (attempt,) = host.wait_report(ATTEMPT)
    answer = sandbox.request("POST", "/v1/batch", {"batch": []}, {"Authorization": "Basic bm9uZTo="}).json
    assert (attempt["status"], attempt["code"], attempt["answer"]) == (401, answer["code"], answer["message"])


STEPS = {"reports.attempts": "true", "reports.steps": "true"}


def test_every_step_of_a_message_is_reported_where_someone_asks_for_it(host, sandbox, spool):
    sandbox.script({"status": 503, "times": 1})
    assert host.open(to_segment(sandbox.url, spool, **dict(STEPS, **{"delivery.backoff_base_ms": "50"}))).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    first, failed, second, delivered = host.reported(ATTEMPT)
    assert [each["outcome"] for each in (first, second)] == ["started", "started"]
    assert [each["attempt"] for each in (first, failed, second, delivered)] == [1, 1, 2, 2]
    assert (failed["status"], delivered["status"]) == (503, 200)
    assert failed["retry_in_ms"] > 0 and delivered["retry_in_ms"] is None
    assert first["messageIds"] == failed["messageIds"] == second["messageIds"] == delivered["messageIds"] != []


@pytest.mark.parametrize("steps", ["true", "false"])
def test_skipped_messages_are_named_where_someone_asks_for_it(host, sandbox, spool, steps):
    assert host.open(dict(to_both(sandbox.url, sandbox.url, spool), **{"reports.steps": steps})).ok
    host.put_all([{"type": "track", "anonymousId": "a", "event": "Seen", "messageId": "m-%d" % i} for i in range(3)])
    assert host.flush().ok
    skipped = host.reported(SKIPPED)
    assert {each["reason"] for each in skipped} == {"no_user_id"}
    assert sum(each["count"] for each in skipped) == 3
    named = [name for each in skipped for name in each.get("messageIds", [])]
    assert sorted(named) == (["m-0", "m-1", "m-2"] if steps == "true" else [])
