"""The debugger page as HTTP: who may see it, what it tells, what it does and what it never shows."""
import json
import re
import socket
import stat
import threading

import pytest

from gateway import Gateway
from harness import wait_until

TRACK = {"userId": "u-1", "event": "Lamp Lit", "properties": {"lampColor": "red"}}
LONG_KEY = "WKLONG-0123456789abcdefghij"
CANARIES = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"'></textarea><svg onload=alert(1)>", "javascript:alert(1)"]
# A row: [seq, time, source, type, event, user, is anonymous, messageId, intake, reason, segment, moengage]
SEQ = 0
ACCEPTED, DUPLICATE, REFUSED = range(3)
NOT_SENT, QUEUED, IN_FLIGHT, DELIVERED, RETRYING, DEAD, SKIPPED = range(7)


class Viewer:
    """Somebody with the token: a session, its stream and its actions."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.origin = "http://%s:%d" % (gateway.host, gateway.port)
        self.token = (gateway.file.parent / "spool" / "page-token").read_text()
        self.enter(self.token)

    def enter(self, token):
        answer = enter(self.gateway, token)
        if answer.status == 200:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
            self.action = answer.json["action"]
        return answer

    def get(self, path, **headers):
        return self.gateway.request("GET", "/debug/api/" + path, headers={"Cookie": self.cookie, **headers})

    def post(self, path, body, **changed):
        headers = {"Cookie": self.cookie, "Origin": self.origin, "X-Segmo-Page": self.action}
        headers.update({name.replace("_", "-"): value for name, value in changed.items()})
        return self.gateway.request("POST", "/debug/api/" + path, body,
                                    {name: value for name, value in headers.items() if value is not None})

    def stream(self, query=""):
        return Stream(self.gateway, self.cookie, query)

    def message(self, seq):
        answer = self.get("message?seq=%d" % seq)
        assert answer.status == 200, answer.text
        return answer.json

    def dead(self):
        """The letters, once they have been read anew."""
        begun = self.get("dead").json["at"]
        return wait_until(lambda: next((each for each in [self.get("dead").json] if each["at"] > begun and not each["busy"]), None),
                          "the letters are read")["letters"]


class Stream:
    """An open stream of events; what it told is read by a thread."""

    def __init__(self, gateway, cookie, query=""):
        self.connection = gateway.open()
        self.connection.sendall(("GET /debug/api/stream%s HTTP/1.1\r\nHost: %s:%d\r\nCookie: %s\r\n\r\n" % (
            query, gateway.host, gateway.port, cookie)).encode())
        self.head, self.events, self.rows, self.text = b"", [], {}, b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = b""
        while True:
            try:
                part = self.connection.recv(65536)
            except OSError:
                return
            if not part:
                return
            self.text += part
            rest += part
            if not self.head and b"\r\n\r\n" in rest:
                self.head, rest = rest.split(b"\r\n\r\n", 1)
            if self.head:
                *whole, rest = rest.split(b"\n\n")
                for each in whole:
                    self._take(each.decode())

    def _take(self, text):
        found = re.fullmatch(r"event: (\w+)\ndata: (.*)", text)
        if not found:
            assert text.startswith(":"), text
            return
        name, data = found[1], json.loads(found[2])
        if name == "rows":
            self.rows.update({row[SEQ]: row for row in data})
        if name == "states":
            for seq, segment, moengage in data:
                self.rows[seq][-2:] = [segment, moengage]
        self.events.append((name, data))

    def told(self, name):
        return [data for of, data in self.events if of == name]

    def wait_rows(self, count):
        wait_until(lambda: len(self.rows) >= count, "%d messages are told of" % count)
        return [self.rows[seq] for seq in sorted(self.rows)]

    def wait_state(self, destination, state, count=1):
        at = {"segment": -2, "moengage": -1}[destination]
        wait_until(lambda: sum(row[at][0] == state for row in list(self.rows.values())) >= count,
                   "%s has %d in state %d; %s" % (destination, count, state, list(self.rows.values())))
        return next(row for row in self.rows.values() if row[at][0] == state)

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
        self.connection.close()


def enter(gateway, token, **changed):
    headers = {"Origin": "http://%s:%d" % (gateway.host, gateway.port), "X-Segmo-Page": "enter"}
    headers.update({name.replace("_", "-"): value for name, value in changed.items()})
    return gateway.request("POST", "/debug/api/session", {"token": token},
                           {name: value for name, value in headers.items() if value is not None})


@pytest.fixture(scope="module")
def paged(program, tmp_path_factory):
    """One gateway with a page and without delivery, for tests that look at nothing but answers."""
    running = Gateway(tmp_path_factory.mktemp("paged"), **{"gateway.page": True})
    yield running
    running.end()


@pytest.fixture(scope="module")
def viewer(paged):
    return Viewer(paged)


@pytest.fixture
def start_page(start_gateway):
    """A gateway with a page that delivers to both services of a sandbox, and somebody who looks at it."""
    def start(sandbox, **options):
        gateway = start_gateway(sandbox, **dict({
            "gateway.page": True, "moengage.url": sandbox.url, "moengage.app_id": "APP", "moengage.data_api_key": "moengage-secret-key",
            "delivery.backoff_base_ms": 100}, **options))
        return gateway, Viewer(gateway)
    return start


# ---- who may see it ------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/debug", "/debug/", "/debug/main.js", "/debug/api/stream", "/debug/api/dead"])
def test_without_the_option_there_is_no_page(gateway, path):
    assert gateway.request("GET", path).status == 404
    assert not (gateway.file.parent / "spool" / "page-token").exists()


@pytest.mark.parametrize("path", ["session", "stream", "message?seq=1", "dead"])
@pytest.mark.parametrize("cookie", [None, "segmo_page=", "segmo_page=x", "segmo_page=" + "A" * 43, "other=1; segmo_page=" + "B" * 43])
def test_nothing_is_told_without_a_session(paged, path, cookie):
    assert paged.request("GET", "/debug/api/" + path, headers={"Cookie": cookie} if cookie else {}).status == 401


@pytest.mark.parametrize("path", ["leave", "dead/retry"])
def test_nothing_is_done_without_a_session(paged, viewer, path):
    assert viewer.post(path, {"all": True}, Cookie=None).status == 401


def test_the_files_hold_nothing_of_anybody_and_need_no_session(paged):
    page = paged.request("GET", "/debug")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    links = re.findall(r'(?:href|src)="(/debug[^"]*)"', page.text)
    assert len(links) > 3
    for link in links:
        assert paged.request("GET", link).status == 200, link
    assert not re.search(r"https?://(?!www\.w3\.org/)", page.text), "asks another host for something"


def test_the_token_is_random_kept_for_the_owner_and_never_logged(start_gateway, tmp_path):
    first = start_gateway(directory=tmp_path, **{"gateway.page": True})
    path = tmp_path / "spool" / "page-token"
    token = path.read_text()
    assert len(token) == 43 and stat.S_IMODE(path.stat().st_mode) == 0o600
    first.wait_for_line(re.escape(str(path)))
    assert first.stop() == 0
    again = start_gateway(directory=tmp_path, **{"gateway.page": True})
    assert path.read_text() == token, "the address stays good over a restart"
    assert token not in first.stdout + first.stderr + again.stdout + again.stderr
    assert enter(again, token).status == 200


def test_a_token_of_the_configuration_counts_alone(start_gateway):
    gateway = start_gateway(**{"gateway.page": True, "gateway.page_token": "one-of-our-own-0123456789"})
    assert not (gateway.file.parent / "spool" / "page-token").exists()
    assert enter(gateway, "one-of-our-own-0123456788").status == 401
    assert enter(gateway, "one-of-our-own-0123456789").status == 200
    assert "one-of-our-own" not in gateway.stdout + gateway.stderr


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(paged, viewer):
    cookie = enter(paged, viewer.token).headers["Set-Cookie"]
    value, *attributes = cookie.split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/debug"} <= set(attributes) and "Secure" not in attributes
    assert viewer.token not in cookie and viewer.action not in value


def test_a_session_ends_when_its_owner_leaves(start_gateway):
    gateway = start_gateway(**{"gateway.page": True})
    viewer = Viewer(gateway)
    assert viewer.get("session").status == 200
    left = viewer.post("leave", {})
    assert left.status == 200 and "Max-Age=0" in left.headers["Set-Cookie"]
    assert viewer.get("session").status == 401


@pytest.mark.parametrize("body", ["", "{", "[]", '{"token": 5}', '{"token": ""}', '{"token": "%s"}' % ("x" * 60000), "null"])
def test_a_broken_token_lets_nobody_in(start_gateway, body):
    gateway = start_gateway(**{"gateway.page": True})
    answer = gateway.request("POST", "/debug/api/session", body, {"Origin": "http://%s:%d" % (gateway.host, gateway.port), "X-Segmo-Page": "enter"})
    assert answer.status == 401 and "Set-Cookie" not in answer.headers


def test_guessing_is_stopped_and_hurts_no_session(start_gateway):
    gateway = start_gateway(**{"gateway.page": True})
    viewer = Viewer(gateway)
    answers = [enter(gateway, "guess-%d" % i).status for i in range(25)]
    assert answers[0] == 401 and answers[-1] == 429
    assert enter(gateway, viewer.token).status == 429
    assert viewer.get("session").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example:8080", "[::1", ""])
def test_a_name_that_is_not_listed_is_refused(paged, viewer, host):
    for path in ("/debug", "/debug/api/session"):
        assert paged.request("GET", path, headers={"Host": host, "Cookie": viewer.cookie}).status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "127.0.0.1:8080", "[::1]:8080"])
def test_this_machine_has_several_names(paged, viewer, host):
    assert paged.request("GET", "/debug/api/session", headers={"Host": host, "Cookie": viewer.cookie}).status == 200


def test_other_machines_come_by_a_listed_name_only(start_gateway):
    gateway = start_gateway(**{"gateway.page": True, "gateway.page_hosts": "debug.example.com internal.example:8443",
                               "gateway.trusted_proxies": "127.0.0.1"})
    far = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    assert gateway.request("GET", "/debug", headers=dict(far, Host="debug.example.com")).status == 200
    assert gateway.request("GET", "/debug", headers=dict(far, Host="internal.example:8443")).status == 200
    assert gateway.request("GET", "/debug", headers=dict(far, Host="internal.example")).status == 403
    assert gateway.request("GET", "/debug", headers=dict(far, Host="localhost")).status == 403
    token = (gateway.file.parent / "spool" / "page-token").read_text()
    cookie = enter(gateway, token, Host="debug.example.com", Origin="https://debug.example.com", **far).headers["Set-Cookie"]
    assert cookie.endswith("; Secure")


def test_a_proxy_that_nobody_named_makes_no_stranger_local(paged):
    assert paged.request("GET", "/debug", headers={"X-Forwarded-For": "203.0.113.9"}).status == 403


@pytest.mark.parametrize("site, status", [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)])
def test_a_browser_that_says_another_site_asked_is_refused(viewer, site, status):
    assert viewer.get("session", **{"Sec-Fetch-Site": site}).status == status


@pytest.mark.parametrize("changed", [
    {"Origin": None}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": "https://127.0.0.1"}, {"Origin": "http://127.0.0.1:1"},
    {"X_Segmo_Page": None}, {"X_Segmo_Page": ""}, {"X_Segmo_Page": "A" * 43}, {"X_Segmo_Page": "enter"}])
def test_an_action_needs_its_own_origin_and_its_own_secret(viewer, changed):
    assert viewer.post("dead/retry", {"all": True}, **changed).status == 403


@pytest.mark.parametrize("changed", [{"Origin": None}, {"Origin": "http://evil.example"}, {"X_Segmo_Page": None}])
def test_another_site_cannot_sign_somebody_in(paged, viewer, changed):
    assert enter(paged, viewer.token, **changed).status == 403


@pytest.mark.parametrize("path", ["/debug", "/debug/style.css", "/debug/none", "/debug/api/session", "/debug/api/dead", "/debug/api/none"])
def test_every_answer_binds_the_browser(paged, viewer, path):
    headers = paged.request("GET", path, headers={"Cookie": viewer.cookie}).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store" and headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_page_has_no_script_or_style_in_its_text(paged):
    text = paged.request("GET", "/debug").text
    assert not re.search(r"<style|<script(?! type=\"module\" src=)|\son\w+=|\sstyle=", text)


def test_other_methods_and_paths(paged, viewer):
    assert paged.request("PUT", "/debug").status == 405
    assert paged.request("GET", "/debugger").status == 404
    assert paged.request("GET", "/debug/../etc/passwd").status == 404
    assert viewer.get("dead/retry").status == 404
    assert paged.request("HEAD", "/debug").status == 200
    assert viewer.get("message?seq=").status == viewer.get("message?seq=99999999999999999999").status == 404


# ---- what it tells -------------------------------------------------------------------------------

def test_a_message_is_told_of_with_every_state_it_has(start_page, sandbox):
    sandbox.script({"status": 503, "times": 1}, service="segment")
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream()
    assert gateway.post("/v1/track", dict(TRACK, messageId="m-1")).status == 200
    row = stream.wait_state("segment", DELIVERED)
    assert row[2:9] == ["shop", "track", "Lamp Lit", "u-1", 0, "m-1", ACCEPTED]
    stream.wait_state("moengage", DELIVERED)
    detail = viewer.message(row[SEQ])
    assert detail["intake"] == "accepted" and detail["message"]["properties"] == {"lampColor": "red"}
    segment, moengage = detail["destinations"]
    assert [each["status"] for each in segment["kept"]] == [503, 200] and segment["tries"] == 2
    assert segment["kept"][0]["retry_in_ms"] >= 0 and segment["kept"][0]["outcome"] == "http_503"
    assert moengage["form"]["requests"][0]["body"]["actions"][0]["attributes"] == {"lamp_color": "red"}
    assert detail["explain"]["moengage"]["mode"] == "cloud"
    stream.close()


def test_what_waits_and_is_tried_again_says_when(start_page, sandbox):
    sandbox.script({"status": 500}, service="segment")
    gateway, viewer = start_page(sandbox, **{"delivery.backoff_base_ms": 60000})
    stream = viewer.stream()
    gateway.post("/v1/track", TRACK)
    row = stream.wait_state("segment", RETRYING)
    state, reason, tries, when = row[-2]
    assert (reason, tries) == ("http_500", 1) and when > row[1]
    assert viewer.message(row[SEQ])["destinations"][0]["next"] == when
    stream.close()


def test_a_request_under_way_is_in_flight(start_page, sandbox):
    sandbox.script({"never": True}, service="segment")
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream()
    gateway.post("/v1/track", TRACK)
    stream.wait_state("segment", IN_FLIGHT)
    stream.close()


def test_a_message_without_an_id_is_followed_all_the_same(start_page, sandbox):
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream()
    for body in (TRACK, dict(TRACK, messageId=None), dict(TRACK, messageId="")):
        assert gateway.post("/v1/track", body).status == 200
    assert gateway.post("/v1/batch", {"batch": [dict(TRACK, type="track")], "context": {"locale": "de"}}).status == 200
    stream.wait_state("segment", DELIVERED, count=4)
    names = {row[7] for row in stream.rows.values()}
    assert len(names) == 4 and {each["message"]["messageId"] for each in sandbox.messages() if "messageId" in each["message"]} >= names
    stream.close()


def test_what_is_left_out_says_why(start_page, sandbox):
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream()
    gateway.post("/v1/track", {"anonymousId": "a-1", "event": "Seen"})
    row = stream.wait_state("moengage", SKIPPED)
    assert row[-1][1] == "no_user_id" and row[5:7] == ["a-1", 1]
    detail = viewer.message(row[SEQ])
    assert detail["destinations"][1]["form"]["requests"] == [] and detail["explain"]["moengage"]["words"]
    stream.close()


def test_what_was_refused_is_shown_with_field_and_remedy(paged, viewer):
    stream = viewer.stream()
    before = max([row[SEQ] for row in stream.wait_rows(0)] or [0])
    paged.post("/v1/track", {"userId": "u-1", "properties": {"mark": "unnamed-event"}})
    paged.post("/v1/batch", {"batch": [{"type": "track", "event": "NoUser"}, 5, dict(TRACK, type="track", messageId="dup"), dict(TRACK, type="track", messageId="dup")]})
    paged.post("/v1/track", TRACK, key="WKNO")
    paged.post("/v1/track", "{broken")
    wait_until(lambda: len([seq for seq in stream.rows if seq > before]) >= 7, "all are told of")
    told = [(row[2], row[8], row[9]) for seq, row in sorted(stream.rows.items())]
    assert ("shop", REFUSED, "event_not_defined") in told and ("shop", REFUSED, "no_user_anon_id") in told
    assert ("shop", REFUSED, "bad_request") in told and ("shop", DUPLICATE, None) in told
    assert (None, REFUSED, "unknown_source") in told and (None, REFUSED, "invalid_json") in told
    seq = next(row[SEQ] for row in stream.rows.values() if row[9] == "event_not_defined")
    detail = viewer.message(seq)
    assert (detail["field"], detail["reason"]) == ("/event", "event_not_defined") and "name" in detail["words"]
    assert detail["message"]["properties"] == {"mark": "unnamed-event"}
    stream.close()


def test_a_stranger_cannot_push_everything_out(start_gateway):
    gateway = start_gateway(**{"gateway.page": True})
    connection = gateway.connect()
    for _ in range(300):
        gateway.request("POST", "/v1/track", dict(TRACK, writeKey="WKNO"), connection=connection)
    connection.close()
    stream = Viewer(gateway).stream()
    rows = wait_until(lambda: stream.told("seconds") and stream.rows, "it tells")
    assert len(rows) < 150
    stream.close()


def test_a_text_is_looked_for_in_everything(paged, viewer):
    for colour in ("Zinnober", "zartrosa", "Zinnoberrot"):
        paged.post("/v1/track", dict(TRACK, properties={"colour": colour}))
    stream = viewer.stream("?text=ZINNOBER")
    wait_until(lambda: len(stream.rows) == 2, "the two are found")
    paged.post("/v1/track", dict(TRACK, properties={"colour": "zinnober!"}))
    paged.post("/v1/track", dict(TRACK, properties={"colour": "lila"}))
    wait_until(lambda: len(stream.rows) == 3, "so is a new one")
    stream.close()
    spaced = viewer.stream("?text=lamp%20lit")
    spaced.wait_rows(3)
    spaced.close()


def test_the_overview_counts_what_passed(start_page, sandbox):
    sandbox.script({"status": 503, "times": 1}, service="moengage")
    gateway, viewer = start_page(sandbox)
    gateway.post("/v1/batch", {"batch": [dict(TRACK, type="track", messageId="m-%d" % i) for i in range(5)]})
    gateway.post("/v1/track", {"userId": "u"})
    stream = viewer.stream()
    stream.wait_state("moengage", DELIVERED, count=5)

    def sums():
        seconds = [second for told in stream.told("seconds") for second in told]
        legs = [[sum(second[5][i][column] for second in seconds) for column in range(5)] for i in range(2)]
        reasons = {name for second in seconds for name in second[6]}
        return (sum(second[1] for second in seconds), sum(second[2] for second in seconds), legs[0][0], legs[1][0], legs[1][4] > 0, reasons)
    wait_until(lambda: sums() == (5, 1, 5, 5, True, {"event_not_defined", "http_503"}), "the seconds are over: %s" % (sums(),))
    latest = stream.told("now")[-1]
    assert latest["capacity"] == 10000 and latest["stats"]["destinations"]["segment"]["delivered"] == 5
    stream.close()


def test_a_destination_that_stands_still_is_named_with_its_remedy(start_page, sandbox):
    sandbox.script({"status": 401}, service="moengage")
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream()
    gateway.post("/v1/track", TRACK)
    pause = wait_until(lambda: stream.told("now") and stream.told("now")[-1]["pauses"], "it stands still")[0]
    assert (pause["destination"], pause["source"], pause["status"]) == ("moengage", "shop", 401) and pause["remedy"]
    stream.close()


def test_numbers_and_strings_are_shown_as_they_came(paged, viewer):
    exact = '{"userId":"u-1","event":"Exact","messageId":"exact-1","properties":{"id":9223372036854775807,"big":123456789012345678901234567890,"text":"\\u0000\\u2028\\"<"}}'
    paged.post("/v1/track", exact)
    stream = viewer.stream("?text=exact-1")
    (row,) = stream.wait_rows(1)
    text = viewer.get("message?seq=%d" % row[SEQ]).text
    for part in ("9223372036854775807", "123456789012345678901234567890", '"\\u0000\\u2028\\"<"'):
        assert part in text
    stream.close()


@pytest.mark.parametrize("canary", CANARIES)
def test_markup_is_told_as_json_and_nothing_else(paged, viewer, canary):
    body = {"userId": canary, "event": canary, "messageId": "canary-%s" % hash(canary), "properties": {canary: canary}, "context": {"ip": canary}}
    paged.post("/v1/track", body)
    paged.post("/v1/track", {"userId": canary, "properties": {canary: canary}})
    stream = viewer.stream()
    wait_until(lambda: any(row[4] == canary and row[5] == canary for row in list(stream.rows.values())), "it is told of")
    assert b"Content-Type: text/event-stream" in stream.head
    seq = next(row[SEQ] for row in stream.rows.values() if row[4] == canary)
    answer = viewer.get("message?seq=%d" % seq)
    assert answer.headers["Content-Type"] == "application/json" and answer.json["message"]["properties"] == {canary: canary}
    stream.close()


# ---- bounds --------------------------------------------------------------------------------------

def test_the_last_messages_are_kept_and_no_more(start_gateway):
    gateway = start_gateway(**{"gateway.page": True, "gateway.page_messages": 100})
    viewer = Viewer(gateway)
    gateway.post("/v1/batch", {"batch": [dict(TRACK, type="track", messageId="m-%d" % i) for i in range(250)]})
    stream = viewer.stream()
    rows = stream.wait_rows(100)
    assert [row[7] for row in rows] == ["m-%d" % i for i in range(150, 250)]
    assert viewer.get("message?seq=1").json["code"] == "not_kept"
    stream.close()


def test_bytes_bound_it_as_well(start_gateway):
    gateway = start_gateway(**{"gateway.page": True, "gateway.page_memory": "1MiB"})
    viewer = Viewer(gateway)
    for i in range(100):
        gateway.post("/v1/track", dict(TRACK, messageId="m-%d" % i, properties={"text": "x" * 30000}))
    stream = viewer.stream()
    rows = stream.wait_rows(30)
    wait_until(lambda: stream.told("now"), "it tells")
    assert rows[-1][7] == "m-99" and len(stream.rows) < 36
    assert viewer.message(rows[-1][SEQ])["message"]["properties"]["text"] == "x" * 30000
    stream.close()


def test_a_page_that_reads_nothing_costs_nothing_and_is_told_what_it_missed(start_gateway):
    gateway = start_gateway(**{"gateway.page": True, "gateway.page_messages": 1000})
    viewer = Viewer(gateway)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.connect((gateway.host, gateway.port))
        slow.sendall(("GET /debug/api/stream HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\n\r\n" % viewer.cookie).encode())
        before = gateway.metric("connections")
        for n in range(40):
            body = {"batch": [dict(TRACK, type="track", messageId="m-%d-%d" % (n, i)) for i in range(500)]}
            assert gateway.post("/v1/batch", body).status == 200
        assert gateway.metric("connections") == before
        slow.settimeout(20)
        told = b""
        while b"event: missed" not in told:
            told += slow.recv(65536)
    assert gateway.metric("accepted_total") == 20000


def test_only_so_many_pages_are_served(start_gateway):
    gateway = start_gateway(**{"gateway.page": True})
    viewer = Viewer(gateway)
    streams = [viewer.stream() for _ in range(8)]
    for stream in streams:
        wait_until(lambda: stream.told("hello"), "it is open")
    assert viewer.get("stream").status == 503
    streams.pop().close()
    wait_until(lambda: gateway.metric("connections") == len(streams) + 1, "it is gone")
    streams.append(viewer.stream())
    wait_until(lambda: streams[-1].told("hello"), "one that was closed makes room")
    for stream in streams:
        stream.close()


def test_the_gateway_stops_with_pages_open(start_gateway):
    gateway = start_gateway(**{"gateway.page": True})
    stream = Viewer(gateway).stream()
    wait_until(lambda: stream.told("hello"), "it is open")
    assert gateway.stop(patience_s=9) == 0


# ---- actions -------------------------------------------------------------------------------------

def test_a_dead_letter_is_sent_again(start_page, sandbox):
    sandbox.script({"status": 422}, service="segment")
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream()
    gateway.post("/v1/track", dict(TRACK, messageId="m-dead"))
    row = stream.wait_state("segment", DEAD)
    leg = viewer.message(row[SEQ])["destinations"][0]
    assert leg["reason"] == "http_422" and leg["letter"]["status"] == 422
    (letter,) = viewer.dead()
    assert letter["id"] == leg["letter"]["id"] and letter["message"]["messageId"] == "m-dead"
    sandbox.script(service="segment")
    assert viewer.post("dead/retry", {"id": [letter["id"]]}).status == 202
    stream.wait_state("segment", DELIVERED)
    wait_until(lambda: viewer.dead() == [], "the letter is gone")
    assert sandbox.stats("segment")["unique"] == 1
    stream.close()


def test_all_of_a_kind_are_sent_again(start_page, sandbox):
    sandbox.script({"status": 422}, service="segment")
    gateway, viewer = start_page(sandbox, **{"delivery.flush_at": 1})
    for i in range(4):
        gateway.post("/v1/track", dict(TRACK, userId="u-%d" % i, messageId="m-%d" % i))
    wait_until(lambda: len(viewer.dead()) == 4, "four are dead")
    sandbox.script(service="segment")
    assert viewer.post("dead/retry", {"destination": "moengage"}).status == 202
    wait_until(lambda: viewer.get("dead").json["jobs"] == 1, "nothing of that kind is there")
    assert len(viewer.dead()) == 4
    assert viewer.post("dead/retry", {"destination": "segment", "reason": "http_422"}).status == 202
    sandbox.wait_for("segment", unique=4)


@pytest.mark.parametrize("body", ["", "{}", "[]", "{", '{"all": false}', '{"limit": 1}', '{"all": true, "x": 1}'])
def test_an_action_that_does_not_say_what_it_means_does_nothing(viewer, body):
    assert viewer.post("dead/retry", body).status == 400
    assert viewer.get("dead").json["jobs"] == 0


# ---- secrets -------------------------------------------------------------------------------------

def test_no_secret_is_ever_shown(start_page, sandbox):
    sandbox.script({"status": 422, "times": 2})
    sources = [{"id": "shop", "segment.write_key": LONG_KEY}, {"id": "web", "segment.write_key": "WKS"}]
    gateway, viewer = start_page(sandbox, sources=sources, **{"gateway.export_secret": "export-secret-key"})
    stream = viewer.stream()
    said = dict(TRACK, properties={"key": LONG_KEY, "inside": "a %s b" % LONG_KEY, "short": "WKS"}, context={"writeKey": LONG_KEY})
    gateway.post("/v1/track", said, key=LONG_KEY)
    gateway.post("/v1/track", dict(said, event="WKS"), key="WKS")
    gateway.post("/v1/track", dict(TRACK, writeKey=LONG_KEY, event=LONG_KEY), key=None)
    gateway.post("/v1/track", dict(TRACK, userId=None), key=LONG_KEY)
    rows = stream.wait_rows(4)
    wait_until(lambda: viewer.dead(), "some are dead")
    shown = [stream.text.decode(), viewer.get("dead").text, viewer.get("session").text]
    shown += [viewer.get("message?seq=%d" % row[SEQ]).text for row in rows]
    for text in shown:
        for secret in (LONG_KEY, "moengage-secret-key", "export-secret-key", viewer.token, '"WKS"'):
            assert secret not in text, text
    assert json.loads(shown[3])["message"]["properties"]["key"] == "WKL" + "*" * (len(LONG_KEY) - 3)
    stream.close()


def test_the_log_names_no_value(start_page, sandbox):
    gateway, viewer = start_page(sandbox)
    stream = viewer.stream("?text=private-search")
    gateway.post("/v1/track", {"userId": "private-user", "event": "private-event", "properties": {"a": "private-value"}})
    gateway.post("/v1/track", {"userId": "private-user", "properties": "private-value"})
    viewer.post("dead/retry", {"all": True})
    viewer.post("dead/retry", {"all": True}, Origin="http://private-origin")
    wait_until(lambda: "page_refused" in gateway.stderr and "page_sends_again" in gateway.stderr, "what was done is logged")
    assert "private" not in gateway.stderr + gateway.stdout
    stream.close()
