"""From the spool to the topic: what is accepted gets there once, in order, whatever the brokers do."""
import collections
import json
import random
import time

import pytest

from harness import SANITIZED, wait_until
from led_host import PAUSED, RESUMED, SETTINGS, LedHost
from mock_kafka import NOT_ENOUGH_REPLICAS, NOT_LEADER, PRODUCE, TIMED_OUT, TOPIC_FORBIDDEN, MockKafka

QUICK = {"kafka.linger.ms": 1, "kafka.reconnect.backoff.max.ms": 200, "kafka.retry.backoff.ms": 50}


def murmur2(data):
    """The hash that the Java client chooses partitions by, from its published definition."""
    length, mask = len(data), 0xFFFFFFFF
    hashed = (0x9747B28C ^ length) & mask
    for at in range(0, length // 4 * 4, 4):
        word = int.from_bytes(data[at:at + 4], "little") * 0x5BD1E995 & mask
        word = (word ^ word >> 24) * 0x5BD1E995 & mask
        hashed = (hashed * 0x5BD1E995 & mask) ^ word
    rest = data[length // 4 * 4:]
    if rest:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & mask
    hashed = (hashed ^ hashed >> 13) * 0x5BD1E995 & mask
    return (hashed ^ hashed >> 15) & 0x7FFFFFFF


def message(seq, user, **more):
    return dict({"type": "track", "event": "Step", "userId": user, "messageId": "m-%d" % seq,
                 "properties": {"seq": seq}}, **more)


@pytest.fixture
def kafka(processes):
    return processes(MockKafka()).topic()


@pytest.fixture
def open_host(host, kafka, tmp_path):
    """The host with a client whose queue is the mock cluster."""
    def open_it(led=host, **more):
        answer = led.open(QUICK, {"spool.dir": tmp_path / "spool", "kafka.bootstrap.servers": kafka.servers,
                                   "segment.write_key": "WK1", **more})
        assert answer.ok, answer
        return led
    return open_it


def account(host):
    stats = host.stats()["destinations"]["kafka"]
    assert stats["accepted"] == stats["delivered"] + stats["dead"] + stats["pending"] + stats["skipped"]
    return stats


def assert_order(records):
    """Each user's messages stand in order. What stands there already may come again: without the sequence numbers that a real
    broker looks at, a batch whose answer was lost is written once more."""
    newest, seen = {}, set()
    for record in records:
        seq = json.loads(record["value"])["properties"]["seq"]
        assert seq in seen or seq > newest.get(record["key"], -1), "the order of %s" % record["key"]
        newest[record["key"]] = max(seq, newest.get(record["key"], -1))
        seen.add(seq)


def assert_all_and_in_order(records, expected):
    """`expected`: how many messages of seq 0, 1, 2 ... were put, in this order for every user. Answers how many came again."""
    ids = collections.Counter(record["headers"]["segmo-message-id"] for record in records)
    assert set(ids) == {"m-%d" % seq for seq in range(expected)}
    assert_order(records)
    return sum(ids.values()) - expected


def test_a_message_is_a_record_with_its_user_as_the_key(open_host, kafka):
    host = open_host(**{"source.id": "shop"})
    host.put_all([message(0, "user-7"), message(1, None, anonymousId="anon-\u00e9\"1"), message(2, "21")])
    assert host.flush().ok
    records = {record["headers"]["segmo-message-id"]: record for record in kafka.records()}
    assert [records["m-%d" % seq]["key"] for seq in range(3)] == ["user-7", "anon-\u00e9\"1", "21"]
    assert {record["headers"]["segmo-source"] for record in records.values()} == {"shop"}
    first = json.loads(records["m-0"]["value"])
    assert first["event"] == "Step" and first["timestamp"] and first["context"]["library"]["name"] == "segmo"
    assert abs(records["m-0"]["time"] / 1000 - time.time()) < 60
    assert host.close().ok


def test_partitions_are_those_of_the_java_client(open_host, kafka):
    assert murmur2(b"21") == 0x7FFFFFFF & -973932308  # from the Java client's own tests
    assert murmur2(b"foobar") == 0x7FFFFFFF & -790332482
    host = open_host()
    host.put_all(message(seq, "user-%d" % seq) for seq in range(200))
    assert host.flush().ok
    for record in kafka.records():
        assert record["partition"] == murmur2(record["key"].encode()) % 6
    assert host.close().ok


def test_nothing_goes_straight_to_the_services(open_host, sandbox, kafka):
    host = open_host(**{"segment.host": sandbox.url})
    host.put(message(0, "u"))
    assert host.flush().ok
    assert account(host)["delivered"] == 1
    assert host.stats()["destinations"]["segment"]["accepted"] == 0
    assert sandbox.messages() == []
    assert host.close().ok


def test_what_brokers_do_loses_nothing_and_keeps_order(open_host, kafka):
    # One request at a time to a broker: more would need the check of sequence numbers that a real one makes.
    host = open_host(**{"kafka.max.in.flight.requests.per.connection": 1})
    count, dice = 2000 if SANITIZED else 12000, random.Random(7)
    disturbances = [
        lambda: kafka.ask("down", dice.randint(1, 3)),
        lambda: [kafka.ask("up", broker) for broker in (1, 2, 3)],
        lambda: kafka.ask("leader", "segmo.events", dice.randrange(6), dice.randint(1, 3)),
        lambda: kafka.ask("errors", PRODUCE, 3, dice.choice([NOT_LEADER, NOT_ENOUGH_REPLICAS, TIMED_OUT])),
        lambda: kafka.ask("rtt", dice.randint(1, 3), dice.choice([0, 20, 150])),
    ]
    for seq in range(count):
        assert host.put(message(seq, "user-%d" % (seq % 50))).ok
        if seq % (count // 40) == 0:
            disturbances[(seq // (count // 40)) % len(disturbances)]()
    for broker in (1, 2, 3):
        kafka.ask("up", broker)
        kafka.ask("rtt", broker, 0)
    assert host.flush(60000).ok
    assert account(host)["delivered"] == count
    assert_all_and_in_order(kafka.records(), count)
    assert host.close().ok


def test_an_outage_costs_no_message_and_no_call(open_host, kafka):
    host = open_host()
    host.put(message(0, "u"))
    assert host.flush().ok
    for broker in (1, 2, 3):
        kafka.ask("down", broker)
    host.put_all(message(seq, "u") for seq in range(1, 100))
    assert host.flush(300)["status"] == "SEGMO_ERR_TIMEOUT"
    assert account(host)["pending"] == 99
    for broker in (1, 2, 3):
        kafka.ask("up", broker)
    assert host.flush().ok
    assert assert_all_and_in_order(kafka.records(), 100) == 0
    assert host.close().ok


def test_what_waits_at_a_crash_is_sent_by_the_next_client(open_host, kafka, processes, host):
    crashing = processes(LedHost())
    assert open_host(crashing) is crashing
    for broker in (1, 2, 3):
        kafka.ask("down", broker)
    crashing.put_all(message(seq, "u") for seq in range(50))
    crashing.kill()
    for broker in (1, 2, 3):
        kafka.ask("up", broker)
    open_host()
    wait_until(lambda: account(host)["delivered"] == 50, "the adopted messages are in the topic")
    assert assert_all_and_in_order(kafka.records(), 50) == 0
    assert host.close().ok


def test_missing_rights_pause_and_are_told_once(open_host, kafka):
    host = open_host()
    kafka.ask("errors", PRODUCE, 1, TOPIC_FORBIDDEN)
    host.put_all(message(seq, "u") for seq in range(10))
    report = host.wait_report(PAUSED)[0]
    assert (report["destination"], report["reason"]) == ("kafka", "kafka_authorization")
    assert "right" in report["remedy"]
    assert account(host)["state"] == "paused"
    assert host.set("source.type", "http").ok  # as whoever has mended the settings does
    host.wait_report(RESUMED)
    assert len(host.reported(PAUSED)) == 1
    assert host.flush().ok
    assert account(host)["dead"] == 0
    assert_all_and_in_order(kafka.records(), 10)
    assert host.close().ok


def test_a_setting_that_librdkafka_refuses_is_named(host, tmp_path):
    answer = host.open({"spool.dir": tmp_path / "spool", "kafka.bootstrap.servers": "localhost:1",
                        "kafka.sasl.mechanisms": "PLAIN", "kafka.no.such": "1"})
    assert (answer["status"], answer["field"]) == ("SEGMO_ERR_OPTION", "kafka.no.such")
    answer = host.open({"spool.dir": tmp_path / "spool", "kafka.bootstrap.servers": "localhost:1",
                        "kafka.linger.ms": "soon"})
    assert (answer["status"], answer["field"]) == ("SEGMO_ERR_OPTION", "kafka.linger.ms")


def test_moving_over_drains_the_spool_first_and_keeps_order(host, sandbox, kafka, tmp_path):
    file = tmp_path / "segmo.json"
    options = {"spool": {"dir": str(tmp_path / "spool")}, "segment": {"write_key": "WK1", "host": sandbox.url},
               "delivery": {"flush_interval_ms": 10, "backoff_base_ms": 10, "backoff_cap_ms": 50},
               "kafka": {"bootstrap.servers": kafka.servers, "linger.ms": 1, "enabled": False}}
    file.write_text(json.dumps(options))
    sandbox.script({"status": 503})
    assert host.open(file=file).ok
    host.put_all(message(seq, "u") for seq in range(20))
    options["kafka"]["enabled"] = True
    file.write_text(json.dumps(options))
    host.wait_report(SETTINGS)
    host.put_all(message(seq, "u") for seq in range(20, 40))
    time.sleep(0.3)
    assert account(host)["pending"] == 20, "they would overtake what waits for Segment"
    assert kafka.records() == []
    sandbox.script()
    assert host.flush().ok
    direct = [each["message"]["properties"]["seq"] for each in sandbox.messages()]
    queued = [json.loads(record["value"])["properties"]["seq"] for record in kafka.records()]
    assert direct == list(range(20)) and queued == list(range(20, 40))
    assert host.close().ok


def test_moving_back_sends_what_the_topic_was_promised_first(host, sandbox, kafka, tmp_path):
    file = tmp_path / "segmo.json"
    options = {"spool": {"dir": str(tmp_path / "spool")}, "segment": {"write_key": "WK1", "host": sandbox.url},
               "delivery": {"flush_interval_ms": 10}, "kafka": {"bootstrap.servers": kafka.servers, "linger.ms": 1,
                                                               "reconnect.backoff.max.ms": 200}}
    file.write_text(json.dumps(options))
    for broker in (1, 2, 3):
        kafka.ask("down", broker)
    assert host.open(file=file).ok
    host.put_all(message(seq, "u") for seq in range(10))
    options["kafka"]["enabled"] = False
    file.write_text(json.dumps(options))
    host.wait_report(SETTINGS)
    host.put_all(message(seq, "u") for seq in range(10, 20))
    time.sleep(0.3)
    assert sandbox.messages() == [], "they would overtake what is promised to the topic"
    for broker in (1, 2, 3):
        kafka.ask("up", broker)
    assert host.flush(30000).ok
    assert [json.loads(record["value"])["properties"]["seq"] for record in kafka.records()] == list(range(10))
    assert [each["message"]["properties"]["seq"] for each in sandbox.messages()] == list(range(10, 20))
    assert host.close().ok
