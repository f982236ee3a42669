"""What answers do to messages: every status from 100 to 599, as docs/reference/answers.md says, and every form of Retry-After."""
import base64
import collections
import email.utils
import json
import os
import re
import time

import pytest

from harness import ROOT, wait_until
from led_host import ATTEMPT, CLOCK_HOST, DEAD, PAUSED, LedHost, to_segment, tracks

LONG = bool(os.environ.get("SEGMO_LONG"))
EACH = 4  # messages for each status
PAGE = (ROOT / "docs/reference/answers.md").read_text()


def promised(destination):
    """The page's table: the word for every status. A row for one status goes before those of many."""
    column = {"segment": 1, "moengage": 2}[destination]
    words = {}
    for row in sorted(re.findall(r"^\| ((?:other )?\d{3}(?:-\d{3})?) \| (\w+) \| (\w+) \|", PAGE, re.M),
                      key=lambda row: "-" not in row[0]):
        first, _, last = row[0].removeprefix("other ").partition("-")
        words.update(dict.fromkeys(range(int(first), int(last or first) + 1), row[column]))
    return words


def some_of(words):
    """The ends of every row of the table, and what lies beside them."""
    return [status for status in words if words.get(status - 1) != words[status] or words.get(status + 1) != words[status]]


class Statuses:
    """Answers each source with the status that its key names, until told to take everything."""

    def __init__(self):
        self.calm = False
        self.seen = collections.defaultdict(list)  # by status: the ids in each request
        self.taken = []

    def __call__(self, request, number):
        if request.path.startswith("/v1/batch"):
            status = int(base64.b64decode(request.headers["Authorization"].split()[1]).decode().strip("WK:"))
            ids = request.ids
        else:
            status = int(request.path.partition("?")[0][-3:])
            ids = re.findall(r'"id": "(\d{3}-\d)"', json.dumps(request.body))
        self.seen[status].append(ids)
        if self.calm or 200 <= status < 300:
            self.taken += ids
        if self.calm:
            return 200, {}, b"{}"
        if status < 200:
            return b"HTTP/1.1 %d Interim\r\n\r\n" % status
        return status, {}, b"" if status in (204, 304) else b"{}"


def configuration(destination, statuses, url, spool):
    keys = {"segment": lambda status: {"segment.write_key": "WK%d" % status},
            "moengage": lambda status: {"moengage.app_id": "APP%d" % status, "moengage.data_api_key": "KEY",
                                        "moengage.url": url}}[destination]
    return {"segment.host": url, "spool.dir": str(spool), "delivery.enabled": False, "delivery.backoff_base_ms": 100,
            "delivery.backoff_cap_ms": 200, "delivery.lanes": 1, "delivery.flush_interval_ms": 10,
            "reports.attempts": True, "reports.max": 100000,
            "sources": [{"id": str(status), **keys(status)} for status in statuses]}


@pytest.mark.parametrize("destination", ["segment", "moengage"])
def test_every_status_does_what_the_page_says(host, receive, tmp_path, destination):
    """MoEngage's table is Segment's but for a few rows; all of its statuses are in the long form."""
    promise, service = promised(destination), Statuses()
    assert sorted(promise) == list(range(100, 600))
    statuses = sorted(promise) if LONG or destination == "segment" else some_of(promise)
    receiver, file = receive(service), tmp_path / "segmo.json"
    options = configuration(destination, statuses, receiver.url, tmp_path / "spool")
    file.write_text(json.dumps(options))
    assert host.open(file=file).ok
    for status in statuses:
        for number in range(EACH):
            assert host.put({"type": "track", "userId": "u-%d" % status, "event": "E", "messageId": "%d-%d" % (status, number),
                             "properties": {"id": "%d-%d" % (status, number)}}, source=str(status)).ok
    options["delivery.enabled"] = True
    file.write_text(json.dumps(options))
    found = wait_until(lambda: outcomes(host, service, statuses), "every status has had an effect", 60)
    assert {status: word for status, word in found.items() if word != promise[status]} == {}
    for reason, answers in reasons(host).items():
        assert "`%s`" % reason in PAGE, (reason, answers)

    service.calm = True
    options["delivery.backoff_cap_ms"] = 201  # changed settings end every pause
    file.write_text(json.dumps(options))
    assert host.flush(60000).ok
    dead = [report["messageId"] for report in host.reported(DEAD)]
    everything = ["%d-%d" % (status, number) for status in statuses for number in range(EACH)]
    assert sorted(service.taken + dead) == everything
    host.check_accounts(**{destination + "_dead": len(dead), destination + "_delivered": len(service.taken),
                           destination + "_pending": 0})


def outcomes(host, service, statuses):
    """The page's word for what happened to the messages of each status so far; None while one of them is not clear."""
    dead, paused = collections.defaultdict(list), {}
    for kind, report in host.poll():
        if kind == DEAD:
            dead[int(report["messageId"][:3])].append(report["reason"])
        elif kind == PAUSED:
            paused[int(report["source"])] = report["reason"]
    words = {status: outcome(status, service, dead[status], paused.get(status)) for status in statuses}
    return words if all(words.values()) else None


def outcome(status, service, dead, paused):
    sent = service.seen[status]
    ids = ["%d-%d" % (status, number) for number in range(EACH)]
    if len(dead) == EACH:
        return "dead" if sent == [ids] else "split" if dead[0] == "too_large" else None
    if paused:
        return "pause" if sent == [ids] else "bisect" if paused == "everything_refused" else None
    if 200 <= status < 300:
        return "delivered" if sent == [ids] else None
    return "again" if sent[:2] == [ids, ids] else None


def reasons(host):
    found = collections.defaultdict(set)
    for report in host.reported(ATTEMPT):
        found[report["outcome"]].add(report["status"])
    return found


# ---- Retry-After -------------------------------------------------------------------------------------------

OWN_S = 20  # the pause of the back-off, when the answer asks for none that can be used
RETRY_AFTER = {
    "seconds": (["5"], 5),
    "seconds with zeros": (["007"], 7),
    "blanks around it": (["   30   "], 30),
    "zero": (["0"], 0),
    "more than is followed": (["3600"], 300),
    "a huge number": (["99999999999999999999999"], 300),
    "negative": (["-5"], OWN_S),
    "with a sign": (["+5"], OWN_S),
    "a fraction": (["1.5"], OWN_S),
    "with a unit": (["5s"], OWN_S),
    "a list": (["5, 6"], OWN_S),
    "words": (["soon"], OWN_S),
    "nothing": ([""], OWN_S),
    "a date to come": (["{in 90 s}"], 90),
    "a date to come, far": (["Tue, 05 Jan 2100 10:00:00 GMT"], 300),
    "a date that has passed": (["Mon, 05 Jan 2015 10:00:00 GMT"], 0),
    "no such date": (["Mon, 32 Jan 2100 10:00:00 GMT"], OWN_S),
    "a date of another form": (["Mon Jan  5 10:00:00 2015"], 0),
    "two headers": (["50", "7"], 7),
    "two headers, the last is nonsense": (["7", "soon"], OWN_S),
}
AGAIN = [408, 410, 429, 460, 500, 502, 503, 504, 508]


@pytest.fixture
def clock_host(processes):
    led = processes(LedHost(CLOCK_HOST))
    yield led
    led.popen.stdin.close()
    assert led.wait() == 0


def check_wait(host, receive, spool, status, values, wait_s):
    def reply(request, number):
        if number > 1:
            return 200, {}, b"{}"
        said = [email.utils.formatdate(time.time() + 90, usegmt=True) if value == "{in 90 s}" else value for value in values]
        lines = "".join("Retry-After: %s\r\n" % value for value in said)
        return ("HTTP/1.1 %d Later\r\nDate: %s\r\n%sContent-Length: 0\r\n\r\n" % (
            status, email.utils.formatdate(usegmt=True), lines)).encode()
    receiver = receive(reply)
    assert host.open(to_segment(receiver.url, spool), **{
        "delivery.backoff_base_ms": OWN_S * 1000, "delivery.backoff_cap_ms": 60000, "reports.attempts": "true"}).ok
    host.put_all(tracks(1))
    wait_until(lambda: host.reported(ATTEMPT), "the first answer")
    if wait_s > 0:
        host.shift((wait_s - 2) * 1000)
        assert not host.flush(30).ok
        assert len(receiver.requests) == 1
        host.shift(5000)  # 2 s, and the jitter of the back-off
    assert host.flush().ok
    host.check_accounts(segment_delivered=1)
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("name", RETRY_AFTER)
def test_retry_after(clock_host, receive, tmp_path, name):
    check_wait(clock_host, receive, tmp_path / "spool", 503, *RETRY_AFTER[name])


@pytest.mark.parametrize("status", AGAIN)
def test_retry_after_is_followed_in_every_answer_that_means_again(clock_host, receive, tmp_path, status):
    check_wait(clock_host, receive, tmp_path / "spool", status, ["5"], 5)


def test_a_wait_that_was_asked_for_does_not_count_as_an_attempt(host, receive, tmp_path):
    receiver = receive(lambda request, number: (429, {"Retry-After": "0"}, b"") if number < 6 else (200, {}, b"{}"))
    assert host.open(to_segment(receiver.url, tmp_path / "spool", **{"delivery.max_attempts": 2})).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    host.check_accounts(segment_delivered=1, segment_dead=0)
