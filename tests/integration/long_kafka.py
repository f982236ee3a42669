"""What takes too long for `make test`: `make test-kafka` runs it, on the mock cluster."""
import collections
import json
import os
import random
import time

from harness import wait_until
from mock_kafka import NOT_ENOUGH_REPLICAS, NOT_LEADER, PRODUCE, REBALANCE, SYNC_GROUP, MockKafka
from test_kafka_producer import QUICK, account as producer_account, assert_all_and_in_order
from test_kafka_worker import (PARTITIONS, account, arrived, assert_order, kafka, message, producer,  # noqa: F401
                               sandbox, sent, start_worker)

EVENTS = int(os.environ.get("SEGMO_KAFKA_EVENTS", "200000"))


def test_many_events_through_a_restless_cluster(host, processes, tmp_path):
    """None lost, order per key, accounts exact; the mock keeps 5 MiB a partition, so there are many."""
    partitions = 48
    cluster, dice = processes(MockKafka()).topic(partitions=partitions), random.Random(11)
    answer = host.open(QUICK, {"spool.dir": tmp_path / "spool", "kafka.bootstrap.servers": cluster.servers,
                               "kafka.max.in.flight.requests.per.connection": 1, "segment.write_key": "WK1"})
    assert answer.ok, answer
    disturbances = [
        lambda: cluster.ask("down", dice.randint(1, 3)),
        lambda: [cluster.ask("up", broker) for broker in (1, 2, 3)],
        lambda: cluster.ask("leader", "segmo.events", dice.randrange(partitions), dice.randint(1, 3)),
        lambda: cluster.ask("errors", PRODUCE, 3, dice.choice([NOT_LEADER, NOT_ENOUGH_REPLICAS])),
        lambda: cluster.ask("rtt", dice.randint(1, 3), dice.choice([0, 20, 150])),
    ]
    for seq in range(EVENTS):
        assert host.put(message(seq, "user-%d" % (seq % 500))).ok
        if seq % 2000 == 0:
            disturbances[seq // 2000 % len(disturbances)]()
    for broker in (1, 2, 3):
        cluster.ask("up", broker)
        cluster.ask("rtt", broker, 0)
    assert host.flush(120000).ok
    assert producer_account(host)["delivered"] == EVENTS
    assert_all_and_in_order(cluster.records(partitions=partitions), EVENTS)
    assert host.close().ok


def test_what_is_open_at_a_kill_is_delivered_by_the_next_one(producer, start_worker, sandbox):
    sent(producer, 0, 300)
    sandbox.script({"status": 503, "share": 0.5}, service="segment")
    worker = start_worker()
    worker.wait_delivered(50)
    worker.kill()
    sandbox.script(service="segment")
    start_worker().wait_delivered(1)
    wait_until(lambda: set(arrived(sandbox)) == set(range(300)), "every message has arrived")
    assert_order(arrived(sandbox))


def test_two_workers_share_and_hand_over(producer, start_worker, sandbox):
    sent(producer, 0, 300)
    first = start_worker()
    first.wait_delivered(300)
    time.sleep(1.2)  # it commits; the mock coordinator takes no commit while a rebalance is under way
    second = start_worker()
    wait_until(lambda: second.stats()["worker"]["assigned"] > 0, "the second one has partitions")
    sent(producer, 300, 300)
    wait_until(lambda: set(arrived(sandbox)) == set(range(600)), "every message has arrived")
    wait_until(lambda: sum(each.stats()["worker"]["assigned"] for each in (first, second)) == PARTITIONS,
               "all partitions are somebody's")
    time.sleep(1.2)
    assert first.close().ok
    sent(producer, 600, 100)
    wait_until(lambda: set(arrived(sandbox)) == set(range(700)), "the one that is left has all")
    assert_order(arrived(sandbox))  # some may come twice: the mock coordinator refuses commits in a rebalance
    for worker in (first, second):
        account(worker)


def test_a_worker_that_got_no_partitions_leaves_in_peace(start_worker, kafka):
    """librdkafka before 2.3 aborts the process there, would its cooperative assignor be used."""
    kafka.ask("errors", SYNC_GROUP, 1000, REBALANCE)
    worker = start_worker()
    time.sleep(6)  # it joins, and hears again and again that the members are still being told
    assert worker.stats()["worker"]["assigned"] == 0
    assert worker.close().ok


def test_a_slow_receiver_makes_a_worker_hold_no_more_than_it_may(producer, start_worker, sandbox):
    sent(producer, 0, 4000)
    sandbox.script({"status": 503}, service="segment")
    worker = start_worker(**{"kafka.memory": "1MiB"})
    wait_until(lambda: worker.stats()["worker"]["held_bytes"] > 900000, "it holds what it may")
    time.sleep(1.5)
    assert worker.stats()["worker"]["held_bytes"] < 3 << 20
    assert worker.stats()["worker"]["lag"] == 4000
    sandbox.script(service="segment")
    worker.wait_delivered(4000)
    assert collections.Counter(arrived(sandbox)) == collections.Counter(range(4000)), "nothing came twice"
    assert worker.close().ok


def test_dead_letters_are_listed_and_sent_again_for_their_destination(producer, start_worker, sandbox, kafka, segmo):
    def dead(*arguments):
        ran = segmo("dead", *arguments, "--from", "kafka", "--json", "--set", "kafka.session.timeout.ms=6000", "--set",
                    "kafka.bootstrap.servers=" + kafka.servers)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)
    sandbox.script({"status": 400, "match": "Poison"}, service="segment")
    producer.put_all([message(seq, "u-1", event="Poison" if seq < 2 else "Step") for seq in range(3)])
    assert producer.flush().ok
    kafka.ask("put", "segmo.events", "u-1", "elsewhere", json.dumps(message(3, "u-1")))
    moengage = {"moengage.app_id": "APP1", "moengage.data_api_key": "KEY1", "moengage.url": sandbox.url}
    worker, other = start_worker(**moengage), start_worker("moengage", **moengage)
    wait_until(lambda: account(worker)["dead"] == 3, "three messages are dead")
    wait_until(lambda: account(other, "moengage")["accepted"] == 4, "the other destination has seen all")
    # Both workers bury the message of the source they do not know: four letters.
    letters = dead("list")
    assert sorted(letter["reason"] for letter in letters) == ["refused"] * 2 + ["unknown_source"] * 2
    sandbox.script(service="segment")
    assert dead("retry", "--reason", "refused")["retried"] == 2
    wait_until(lambda: {0, 1, 2} <= set(arrived(sandbox)), "what was dead has arrived")
    wait_until(lambda: account(other, "moengage")["skipped"] == 2, "the other destination leaves it out")
    assert other.stats("moengage")["skipped_for"] == {"for_another_destination": 2}
    assert [letter["reason"] for letter in dead("list")] == ["unknown_source"] * 2
    assert dead("drop", "--reason", "refused", "--yes")["dropped"] == 0
    assert len(dead("list")) == 2, "only what fits goes"
    assert dead("drop", "--all", "--yes")["dropped"] == 2
    assert dead("list") == []
    for each in (worker, other):
        account(each, "segment" if each is worker else "moengage")
