"""Outages of hours and days, by clocks that a test moves: how often it is tried, what is remembered, what comes first when
the service is back. Nothing here waits for real time."""
import os
import pathlib

import pytest

from led_host import ATTEMPT, CLOCK_HOST, DEAD, LedHost, tracks
from harness import SANITIZED, wait_until

CAP_MS, JITTER = 60000, {"segment": 1.1, "moengage": 1.5}
HOUR_MS = 3600000
DAY_MS = 24 * HOUR_MS
LONG = bool(os.environ.get("SEGMO_LONG"))
HOURS = 10 if LONG else 1
LANES, FLUSH_AT = 4, 100


@pytest.fixture
def host(processes):
    """A host program whose clocks can be moved."""
    led = processes(LedHost(CLOCK_HOST))
    yield led
    led.popen.stdin.close()
    assert led.wait() == 0


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


def options(url, spool, destination="segment", **more):
    to = {"segment": {"segment.host": url, "segment.write_key": "WK1"},
          "moengage": {"moengage.app_id": "APP1", "moengage.data_api_key": "KEY1", "moengage.url": url}}[destination]
    return {**to, "spool.dir": spool, "delivery.flush_at": FLUSH_AT, "delivery.lanes": LANES,
            "delivery.flush_interval_ms": 10, "reports.attempts": "true", **more}


def private_mb(host):
    status = pathlib.Path("/proc/%d/status" % host.popen.pid).read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def requests(sandbox, destination):
    return sandbox.stats(destination)["requests"]


def settle(host, sandbox, destination):
    """Waits until the host has dealt with the answer to every request, so that no pause begins later than it seems."""
    wait_until(lambda: len(host.reported(ATTEMPT)) == host.stats(destination)["requests"] == requests(sandbox, destination),
               "every request has its answer")


@pytest.mark.parametrize("destination", ["segment", "moengage"])
def test_hours_of_outage_are_tried_at_the_cap(host, sandbox, spool, destination):
    """Every lane exactly once within a cap with its jitter, all through the outage."""
    sandbox.script({"status": 503})
    assert host.open(options(sandbox.url, spool, destination)).ok
    host.put_all(tracks(2000, users=500))
    step_ms = round(CAP_MS * JITTER[destination]) + 1
    for _ in range(12):  # the doubling ends at the cap
        before = requests(sandbox, destination)
        host.shift(step_ms)
        wait_until(lambda: requests(sandbox, destination) > before, "it is tried again")
        settle(host, sandbox, destination)
    lanes = requests(sandbox, destination) - before
    assert 1 <= lanes <= LANES
    for _ in range(HOURS * HOUR_MS // step_ms):
        before = requests(sandbox, destination)
        host.shift(step_ms)
        wait_until(lambda: requests(sandbox, destination) >= before + lanes, "every lane is tried within a cap")
        settle(host, sandbox, destination)
        assert requests(sandbox, destination) == before + lanes
    host.check_accounts(**{destination + "_pending": 2000, destination + "_dead": 0})
    sandbox.script()
    host.shift(step_ms)
    assert host.flush().ok
    host.check_accounts(**{destination + "_delivered": 2000})
    there = sandbox.stats(destination)
    assert (there["unique"], there["duplicates"], there["order_violations"]) == (2000, 0, 0)


def test_before_the_cap_the_pause_doubles(host, sandbox, spool):
    sandbox.script({"status": 503})
    assert host.open(options(sandbox.url, spool, **{"delivery.lanes": 1, "delivery.backoff_base_ms": 1000})).ok
    host.put_all(tracks(1))
    wait_until(lambda: requests(sandbox, "segment") == 1, "it was tried")
    for attempt in range(1, 10):
        settle(host, sandbox, "segment")
        pause_ms = min(1000 * 2 ** (attempt - 1), CAP_MS)
        host.shift(pause_ms - 600)  # real time passes too, though little
        assert requests(sandbox, "segment") == attempt
        host.shift(round(pause_ms * 0.1) + 601)
        wait_until(lambda: requests(sandbox, "segment") == attempt + 1, "it is tried again after %d ms" % pause_ms)


def test_what_waits_longer_than_max_age_becomes_dead_letters(host, sandbox, spool):
    """A lane's batch has room for all of its messages here: what waits behind one that is tried again is not tried, and so not old."""
    sandbox.script({"status": 503})
    assert host.open(options(sandbox.url, spool, **{"delivery.flush_at": 1000})).ok
    host.put_all(tracks(500))
    wait_until(lambda: requests(sandbox, "segment") >= LANES, "it was tried")
    host.shift(7 * DAY_MS - HOUR_MS)
    settle(host, sandbox, "segment")
    host.check_accounts(segment_pending=500, segment_dead=0)
    host.put_all(tracks(100, first=500))
    host.shift(2 * HOUR_MS)
    while host.stats("segment")["dead"] < 500:  # what was never tried is tried once before it is given up
        host.shift(2 * CAP_MS)
        settle(host, sandbox, "segment")
    host.check_accounts(segment_pending=100, segment_dead=500)
    sandbox.script()
    host.shift(2 * CAP_MS)
    assert host.flush().ok
    host.check_accounts(segment_delivered=100, segment_dead=500)
    assert {report["reason"] for report in host.reported(DEAD)} == {"max_age"}


def test_a_week_of_outage_needs_no_more_memory_than_an_hour(host, start_sandbox, spool):
    """And when the service is back, everything comes within two caps, the oldest first."""
    sandbox = start_sandbox("--keep", "100000")
    count, part = (90000, 18000) if LONG else (30000, 6000)
    sandbox.script({"status": 503})
    assert host.open(options(sandbox.url, spool, **{"delivery.max_age_ms": "30d"})).ok
    memory_mb = []
    for first in range(0, count, part):
        host.put_all(tracks(part, first=first, users=400))
        for _ in range(10):
            host.shift(DAY_MS // 8)
            settle(host, sandbox, "segment")
        memory_mb.append(private_mb(host))
    assert host.stats("segment")["pending"] == count
    if not SANITIZED:
        assert memory_mb[-1] < memory_mb[0] + 2, memory_mb
        assert memory_mb[-1] < 32, memory_mb
    sandbox.script()
    sandbox.reset()
    host.shift(2 * CAP_MS)  # were one lane not tried within it, flushing would last longer than it may
    assert host.flush(60000).ok
    host.check_accounts(segment_delivered=count)
    arrived = [entry["message"]["properties"]["seq"] for entry in sandbox.messages(limit=count)]
    assert sorted(arrived) == list(range(count))
    assert sandbox.stats("segment")["order_violations"] == 0
    astray = max(abs(seq - place) for place, seq in enumerate(arrived))
    print("oldest first: no message came more than %.0f %% of the backlog before or after its turn" % (astray * 100 / count))
    assert arrived[0] < LANES * FLUSH_AT
    assert astray < count // 2  # lanes are not equally long, nor tried at the same moment; newest first would come to all of it


def test_a_clock_that_is_set_back_stops_nothing(host, sandbox, spool):
    """The wall clock of a machine may jump by years; pauses follow the other one."""
    sandbox.script({"status": 503})
    assert host.open(options(sandbox.url, spool)).ok
    host.put_all(tracks(500))
    for wall_ms in (-400 * DAY_MS, 395 * DAY_MS, 0):
        host.shift(2 * CAP_MS, wall_ms)
        settle(host, sandbox, "segment")
    host.check_accounts(segment_pending=500, segment_dead=0)
    sandbox.script()
    host.shift(2 * CAP_MS)
    assert host.flush().ok
    host.check_accounts(segment_delivered=500)


@pytest.mark.parametrize("asked, waited_s", [("3600", 300), ("86400", 300)])
def test_no_answer_can_ask_for_more_than_five_minutes(host, receive, spool, asked, waited_s):
    receiver = receive(lambda request, number: (503, {"Retry-After": asked}, b"") if number == 1 else (200, {}, b"{}"))
    assert host.open(options(receiver.url, spool)).ok
    host.put_all(tracks(1))
    wait_until(lambda: host.stats("segment")["requests"] == 1 and host.stats("segment")["last_failure"], "the first answer")
    host.shift((waited_s - 30) * 1000)
    assert not host.flush(300).ok
    assert len(receiver.requests) == 1
    host.shift(31000)
    assert host.flush().ok
