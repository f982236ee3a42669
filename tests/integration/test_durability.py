"""Accepted means on disk: kills, forks and exits lose nothing, and repeat no more than was in flight."""
import json
import mmap
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

from harness import SANITIZED

PRODUCER = pathlib.Path(os.environ.get("SEGMO_PROGRAM", pathlib.Path(__file__).resolve().parents[2] /
                                       "build/release/segmo")).parent / "integration" / "producer"
IN_FLIGHT = 32 * 100  # requests in flight x messages in a batch, by default


class Host:
    """A host program on a spool of its own, and what it was told is accepted."""

    def __init__(self, where, sandbox):
        self.ledger = where / "accepted"
        self.spool = where / "spool"
        self.sandbox = sandbox

    def start(self, mode, first, count, many, *options):
        return subprocess.Popen([PRODUCER, mode, self.ledger, self.spool, self.sandbox.url, str(first), str(count),
                                 str(many), *options], stdout=subprocess.PIPE, text=True)

    def run(self, mode, first, count, many, *options, patience_s=120):
        process = self.start(mode, first, count, many, *options)
        output, _ = process.communicate(timeout=patience_s)
        assert process.returncode == 0, mode
        return json.loads(output) if output else None

    def drain(self):
        """A new client on the directory adopts and sends everything that is left."""
        return self.run("finish", 0, 0, 1)

    def accepted(self):
        with open(self.ledger, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as bytes_:
            return {at for at in range(len(bytes_)) if bytes_[at]}


def received(record):
    """How often each seq arrived."""
    counts = {}
    for line in record.read_text().splitlines():
        message = json.loads(line)["message"]
        seq = message["properties"]["seq"]
        assert message["messageId"] == "m-%d" % seq
        counts[seq] = counts.get(seq, 0) + 1
    return counts


@pytest.fixture
def record(tmp_path):
    return tmp_path / "received.ndjson"


@pytest.fixture
def host(tmp_path, start_sandbox, record):
    if not PRODUCER.exists():
        pytest.skip("not run: %s is not built" % PRODUCER)
    return Host(tmp_path, start_sandbox("--record", str(record)))


def test_kill_of_the_producer_at_500_moments_loses_nothing(host, record):
    host.run("kills", 0, 200, 500, patience_s=200)
    host.drain()
    accepted, arrived = host.accepted(), received(record)
    assert len(accepted) >= 250  # every other child lived to see its first message accepted
    assert accepted <= set(arrived)
    repeated = sum(count - 1 for count in arrived.values())
    assert repeated <= 500 * IN_FLIGHT
    assert sum(count > 20 for count in arrived.values()) == 0


def test_kill_while_delivering_repeats_at_most_what_was_in_flight(host, record):
    host.sandbox.script({"latency_ms": 20})
    producer = host.start("produce", 0, 60000, 4)
    host.sandbox.wait_for("segment", unique=5000)
    producer.kill()
    producer.wait()
    host.sandbox.script()
    host.drain()
    accepted, arrived = host.accepted(), received(record)
    assert accepted <= set(arrived)
    assert sum(count - 1 for count in arrived.values()) <= IN_FLIGHT


@pytest.mark.skipif(SANITIZED, reason="not run: the sanitizers do not keep their own locks whole across fork")
def test_fork_while_8_threads_enqueue_1000_times(host, record):
    host.run("forks", 0, 5, 1000, patience_s=600)
    host.drain()
    accepted, arrived = host.accepted(), received(record)
    assert len(accepted) == 8 * 20000 + 1000 * 5
    assert accepted == set(arrived)
    assert [seq for seq, count in arrived.items() if count > 1] == []


def test_exit_without_flush_leaves_everything_to_the_next_client(host, record):
    host.run("leave", 0, 3000, 3)
    host.drain()
    assert received(record).keys() == set(range(3000))


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT])
def test_ended_by_a_signal_nothing_is_lost(host, record, ending):
    host.sandbox.script({"status": 503})
    producer = host.start("produce", 0, 5000, 1)
    deadline = time.monotonic() + 20
    while not host.ledger.exists() or len(host.accepted()) < 5000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    producer.send_signal(ending)
    producer.wait()
    host.sandbox.script()
    host.drain()
    assert received(record).keys() == set(range(5000))


def test_two_clients_at_once_share_what_a_dead_one_left_without_doubling(host, record):
    host.sandbox.script({"status": 503})
    host.run("leave", 0, 2000, 1)
    host.sandbox.script()
    drains = [host.start("finish", 0, 0, 1) for _ in range(4)]
    assert [drain.wait(60) for drain in drains] == [0, 0, 0, 0]
    arrived = received(record)
    assert arrived.keys() == set(range(2000))
    assert max(arrived.values()) == 1


def test_sync_always_waits_for_the_disk_and_loses_nothing(host, record):
    host.run("leave", 0, 200, 4, "spool.sync=always")
    host.drain()
    assert received(record).keys() == set(range(200))


def test_order_per_user_is_kept_through_failures(host):
    host.sandbox.script({"status": 503, "share": 0.2}, {"status": 429, "share": 0.1},
                        {"reset_after_bytes": 2000, "share": 0.05})
    stats = host.run("finish", 0, 20000, 4, "delivery.backoff_base_ms=20", "delivery.backoff_cap_ms=200")
    segment = host.sandbox.stats("segment")
    assert segment["order_violations"] == 0
    assert segment["unique"] == 20000
    assert stats["destinations"]["segment"]["delivered"] == 20000


def test_random_kills_with_two_destinations_lose_nothing_on_either(host, record):
    options = ["moengage.app_id=APP", "moengage.data_api_key=KEY", "moengage.url=" + host.sandbox.url,
               "moengage.events_per_minute=100000000", "moengage.users_per_minute=100000000"]
    dice = random.Random(5)
    for turn in range(10):
        producer = host.start("produce", turn * 5000, 5000, 2, *options)
        time.sleep(dice.uniform(0.02, 0.25))
        producer.kill()
        producer.wait()
    host.run("finish", 0, 0, 1, *options)
    accepted = host.accepted()
    stats = host.sandbox.stats()
    assert stats["segment"]["unique"] >= len(accepted)
    assert stats["moengage"]["unique"] >= len(accepted)
