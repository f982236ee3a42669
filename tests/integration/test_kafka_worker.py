"""From the topic to the services: workers deliver, commit what is done, and hand over without loss."""
import collections
import json
import time

import pytest

from harness import wait_until
from led_host import DEAD, LedHost
from mock_kafka import MockKafka

PARTITIONS = 6
PRODUCER = {"kafka.linger.ms": 1, "segment.write_key": "WK1"}
WORKER = {"segment.write_key": "WK1", "delivery.flush_interval_ms": 10, "delivery.backoff_base_ms": 10,
          "delivery.backoff_cap_ms": 50, "kafka.session.timeout.ms": 4000, "kafka.heartbeat.interval.ms": 500}


def message(seq, user, **more):
    return dict({"type": "track", "event": "Step", "userId": user, "messageId": "m-%d" % seq,
                 "properties": {"seq": seq}}, **more)


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox("--keep", "100000")


@pytest.fixture
def kafka(processes):
    return processes(MockKafka()).topic(partitions=PARTITIONS).topic("segmo.dead", 1)


@pytest.fixture
def producer(processes, kafka, tmp_path):
    host = processes(LedHost())
    assert host.open(PRODUCER, {"spool.dir": tmp_path / "spool", "kafka.bootstrap.servers": kafka.servers}).ok
    return host


@pytest.fixture
def start_worker(processes, kafka, sandbox):
    def start(destination="segment", **more):
        worker = processes(LedHost())
        answer = worker.open(WORKER, {"kafka.bootstrap.servers": kafka.servers, "kafka.work_for": destination,
                                      "segment.host": sandbox.url, **more})
        assert answer.ok, answer
        return worker
    return start


def sent(producer, first, count, users=20):
    producer.put_all(message(seq, "u-%d" % (seq % users)) for seq in range(first, first + count))
    assert producer.flush(30000).ok


def arrived(sandbox):
    """The seq of what came for Segment, in the order in which it came."""
    return [each["message"]["properties"]["seq"] for each in sandbox.messages(100000) if each["service"] == "segment"]


def assert_order(sequence, users=20):
    """Each user's messages came in order; answers how many came again."""
    newest, seen = {}, set()
    for seq in sequence:
        assert seq in seen or seq > newest.get(seq % users, -1), "the order of u-%d" % (seq % users)
        newest[seq % users] = max(seq, newest.get(seq % users, -1))
        seen.add(seq)
    return len(sequence) - len(seen)


def account(worker, destination="segment"):
    of = worker.stats(destination)
    assert of["accepted"] == of["delivered"] + of["dead"] + of["pending"] + of["skipped"], of
    return of


def test_a_worker_delivers_in_order_and_commits(producer, start_worker, sandbox):
    sent(producer, 0, 500)
    worker = start_worker()
    worker.wait_delivered(500)
    assert arrived(sandbox) and assert_order(arrived(sandbox)) == 0
    wait_until(lambda: worker.stats()["worker"]["assigned"] == PARTITIONS, "it tells its partitions")
    assert worker.stats()["worker"]["for"] == "segment"
    wait_until(lambda: worker.stats()["worker"]["lag"] == 0, "the lag is gone")
    assert account(worker)["pending"] == 0
    assert worker.close().ok
    assert collections.Counter(arrived(sandbox)) == collections.Counter(range(500)), "nothing came twice"


def stats_of_program(segmo, kafka, *more):
    ran = segmo("stats", "--set", "kafka.bootstrap.servers=" + kafka.servers, *more)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_program_tells_what_waits_in_the_topic(producer, start_worker, sandbox, kafka, segmo, tmp_path):
    sent(producer, 0, 90)
    where = ("--set", "spool.dir=%s" % (tmp_path), "--set", "segment.write_key=WK1")
    topic = json.loads(stats_of_program(segmo, kafka, "--json", *where))["kafka"]
    assert topic["topic"] == "segmo.events" and topic["partitions"] == PARTITIONS
    [group] = topic["groups"]
    assert (group["destination"], group["group"], group["lag"]) == ("segment", "segmo-segment", 90)
    assert 0 <= group["oldest_ms"] < 3600000
    words = stats_of_program(segmo, kafka, *where)
    assert "90" in words.partition("kafka ")[2] and "segmo.events" in words
    start_worker().wait_delivered(90)
    wait_until(lambda: json.loads(stats_of_program(segmo, kafka, "--json", *where))["kafka"]["groups"][0]["lag"] == 0, "all is committed")


def test_without_brokers_the_program_still_tells_of_the_spool(segmo, tmp_path):
    ran = segmo("stats", "--json", "--set", "spool.dir=%s" % tmp_path, "--set", "kafka.bootstrap.servers=127.0.0.1:1")
    assert ran.returncode == 4 and "kafka" not in json.loads(ran.stdout)
    assert "kafka.bootstrap.servers" in ran.stderr


def test_a_worker_that_reaches_no_broker_says_so(start_segmo, tmp_path):
    worker = start_segmo("work", "--listen", "127.0.0.1:0", "--set", "segment.write_key=WK1", "--set", "spool.dir=%s" % tmp_path,
                         "--set", "kafka.bootstrap.servers=127.0.0.1:1")
    said = json.loads(worker.wait_for_line(r'.*"event":"kafka_trouble".*')[0])
    assert (said["level"], said["destination"]) == ("warning", "segment") and said["reason"]


def test_a_worker_accepts_no_message_by_itself(start_worker):
    worker = start_worker()
    answer = worker.put(message(0, "u"))
    assert (answer["status"], answer["field"]) == ("SEGMO_ERR_UNSUPPORTED", "kafka.work_for")
    assert worker.close().ok


def test_one_users_trouble_stops_neither_others_nor_is_it_forgotten(producer, start_worker, sandbox):
    sandbox.script({"status": 503, "match": "u-7\""}, service="segment")
    sent(producer, 0, 400)
    worker = start_worker(**{"delivery.flush_at": 1})
    wait_until(lambda: len(set(arrived(sandbox))) == 380, "all but one user's have arrived")
    stats = account(worker)
    assert stats["delivered"] == 380 and stats["pending"] == 20
    time.sleep(1.2)  # a commit, with the note of what is done above the lowest open message
    worker.kill()
    sandbox.script(service="segment")
    start_worker(**{"delivery.flush_at": 1}).wait_delivered(20)
    time.sleep(0.5)
    assert collections.Counter(arrived(sandbox)) == collections.Counter(range(400)), "nothing came twice"
    assert assert_order(arrived(sandbox)) == 0


def test_the_outage_of_one_destination_does_not_hold_up_the_other(producer, start_worker, sandbox, kafka):
    moengage = {"moengage.app_id": "APP1", "moengage.data_api_key": "KEY1", "moengage.url": sandbox.url}
    sandbox.script({"status": 503}, service="segment")
    sent(producer, 0, 100)
    segment, other = start_worker(**moengage), start_worker("moengage", **moengage)
    other.wait_delivered(100, "moengage")
    assert account(segment)["delivered"] == 0
    sandbox.script(service="segment")
    segment.wait_delivered(100)
    assert account(other, "moengage")["pending"] == 0


def test_a_poison_record_and_a_refused_message_go_to_the_dead_topic(producer, start_worker, sandbox, kafka):
    sandbox.script({"status": 400, "match": "Poison"}, service="segment")
    producer.put(message(0, "u-1", event="Poison"))
    producer.put(message(1, "u-1"))
    assert producer.flush().ok
    kafka.ask("put", "segmo.events", "u-1", "default", "{\"type\":\"track\",")
    kafka.ask("put", "segmo.events", "u-1", "elsewhere", json.dumps(message(2, "u-1")))
    worker = start_worker()
    wait_until(lambda: account(worker)["dead"] == 3, "three messages are dead")
    assert account(worker)["delivered"] == 1
    letters = {json.loads(record["value"])["reason"]: record for record in kafka.records("segmo.dead", 1)}
    assert set(letters) == {"refused", "invalid_message", "unknown_source"}
    assert {record["key"] for record in letters.values()} == {"u-1"}
    refused = letters["refused"]
    assert refused["headers"]["segmo-destination"] == "segment" and refused["headers"]["segmo-status"] == "400"
    letter = json.loads(refused["value"])
    assert letter["message"]["messageId"] == "m-0" and letter["attempts"] >= 1 and letter["accepted_at"]
    assert json.loads(letters["invalid_message"]["value"])["raw"] == "{\"type\":\"track\","
    assert len(worker.reported(DEAD)) == 3
    assert worker.close().ok
