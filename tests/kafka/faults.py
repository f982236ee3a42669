#!/usr/bin/env python3
"""A real cluster, treated badly; `make test-kafka` runs it after the mock cluster's long form.

    faults.py [--rounds 10] [--every-s 20] [--keep DIR]

Events flow all the time. Round after round a broker is killed (-9) and comes back, a worker is killed and started again, and
poison is put in: a message that Segment refuses for good, and, once, records that are no messages. Beside it further workers
join and leave without a pause, every third by kill -9. At last two of the three brokers of every partition are down at once:
the topic takes nothing, the spools do.

Then the accounts are held against each other: 0 accepted events lost, order per user kept, every poison in the dead topic
and nothing else; how many came again is told.
"""
import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from cluster import Cluster, NotHere, free_port
from pipeline import ENVIRONMENT, PROGRAM, Pipeline

TOPIC = "segmo.events"
NO_MESSAGES = [("default", "user-1", '{"type":"track",', "invalid_message"),
               ("default", "user-2", "[1,2,3]", "invalid_message"),
               ("nobody", "user-3", '{"type":"track","event":"Step","userId":"user-3"}', "unknown_source")]


def say(words):
    print(words, flush=True)


class Flow:
    """Sends events through both gateways until it is stopped; knows how many were accepted."""

    def __init__(self, pipeline, per_s=400):
        self.pipeline, self.per_s, self.sent, self.ends = pipeline, per_s, 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ends:
            began = time.monotonic()
            for at, url in enumerate(self.pipeline.gateways.values()):
                self.pipeline.send(url, self.sent + at, self.per_s // 2, 2)
            self.sent += self.per_s
            time.sleep(max(0, 1 - (time.monotonic() - began)))

    def stop(self):
        self.ends = True
        self.thread.join()
        return self.sent


class Guests:
    """Workers that join the group and leave it again, one after the other, until it is stopped."""

    def __init__(self, pipeline):
        self.pipeline, self.count, self.ends, self.dice = pipeline, 0, False, random.Random(5)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ends:
            self.count += 1
            guest = self.pipeline.start_worker("guest", free_port())
            time.sleep(self.dice.uniform(0.5, 4))
            if self.count % 3 == 0:
                guest.kill()
            else:
                guest.stop(90)

    def stop(self):
        self.ends = True
        self.thread.join()
        self.pipeline.workers.pop("worker-guest")
        return self.count


# ---- poison ----

def refuse_poison(pipeline):
    pipeline.script("segment", [{"status": 400, "match": '"Poison"'}])


def poison_of(number):
    """Between two messages of the same user that are fine: a batch of which everything is refused is a matter of settings."""
    return [{"type": "track", "userId": "user-5", "event": event, "messageId": f"{event}-{number}-{at}"}
            for at, event in enumerate(("Before", "Poison", "After"))]


def put_no_messages(cluster):
    cluster.put(TOPIC, [(f"segmo-source:{source}", key, value) for source, key, value, _ in NO_MESSAGES])


def expected_letters(rounds):
    refused = {("segment", "refused", f"Poison-{number}-1") for number in range(rounds)}
    return refused | {(destination, reason, value) for destination in ("segment", "moengage")
                      for _, _, value, reason in NO_MESSAGES}


def letters(cluster):
    """What the dead topic holds; a worker that was killed may have buried a message that the next one buried again."""
    ran = subprocess.run([PROGRAM, "dead", "list", "--from", "kafka", "--json", "--set",
                          f"kafka.bootstrap.servers={cluster.servers}"],
                         stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, check=True)
    return {(each["destination"], each["reason"], each["message"]["messageId"] if each["message"] else each["raw"])
            for each in json.loads(ran.stdout)}


def wait_letters(cluster, expected, limit_s):
    end = time.monotonic() + limit_s
    while letters(cluster) != expected and time.monotonic() < end:
        time.sleep(2)


# ---- faults ----

def round_of_faults(cluster, pipeline, number, every_s):
    began, victim = time.monotonic(), cluster.brokers[number % 3]
    victim.kill()
    pipeline.send_batch(next(iter(pipeline.gateways.values())), poison_of(number))
    time.sleep(every_s / 4)
    pipeline.current["worker-1"].kill()
    pipeline.current["worker-1"] = pipeline.start_worker(1, pipeline.ports["worker-1"])
    time.sleep(every_s / 4)
    victim.start()
    cluster.wait_for(victim)
    if number == 0:
        put_no_messages(cluster)
    say(f"round {number}: broker {victim.number} and worker 1 were killed")
    time.sleep(max(0, began + every_s - time.monotonic()))


def waiting_in_spools(pipeline):
    return sum(pipeline.metrics(url)['segmo_destination_pending{destination="kafka"}'] for url in pipeline.gateways.values())


def two_brokers_down(cluster, pipeline):
    """Answers how many messages waited in the spools."""
    for broker in cluster.brokers[:2]:
        broker.kill()
    time.sleep(10)
    waited = waiting_in_spools(pipeline)
    say(f"two of three brokers were down: {waited:,.0f} messages waited in the spools")
    for broker in cluster.brokers[:2]:
        broker.start()
    for broker in cluster.brokers[:2]:
        cluster.wait_for(broker)
    return waited


# ---- accounts ----

def check(cluster, pipeline, sent, rounds):
    received, records, wrong = pipeline.received(), cluster.records(TOPIC), []
    for name in ("segment", "moengage"):
        seq = received[name]["seq"]
        say(f"{name}: {seq['unique']:,} events, {seq['duplicates']:,} of them again, "
            f"{received[name]['order_violations']} out of order")
        if seq["unique"] != sent:
            wrong.append(f"{name}: {sent:,} were accepted, {seq['unique']:,} arrived")
        if received[name]["order_violations"]:
            wrong.append(f"{name}: order per user was broken")
    put = sent + rounds * len(poison_of(0)) + len(NO_MESSAGES)
    say(f"put in {put:,}, records in the topic {records:,}: {records - put:,} were written twice")
    if records < put:
        wrong.append("the topic has fewer records than were put in")
    for name, of in pipeline.account().items():
        if of["accepted"] != of["delivered"] + of["dead"] + of["skipped"] + of["pending"]:
            wrong.append(f"{name}: what gateways or workers tell does not add up: {of}")
    buried, expected = letters(cluster), expected_letters(rounds)
    say(f"dead letters: {len(buried)}")
    wrong += [f"no dead letter: {each}" for each in sorted(expected - buried)]
    wrong += [f"a dead letter too many: {each}" for each in sorted(buried - expected)]
    return wrong


def play(cluster, directory, arguments):
    pipeline = Pipeline(cluster, directory)
    try:
        refuse_poison(pipeline)
        pipeline.ports = {"worker-1": free_port(), "worker-2": free_port()}
        for number in (1, 2):
            pipeline.start_gateway(number, free_port())
        pipeline.current = {f"worker-{number}": pipeline.start_worker(number, pipeline.ports[f"worker-{number}"])
                            for number in (1, 2)}
        flow, guests = Flow(pipeline), Guests(pipeline)
        for number in range(arguments.rounds):
            round_of_faults(cluster, pipeline, number, arguments.every_s)
        waited = two_brokers_down(cluster, pipeline)
        say(f"{guests.stop()} workers joined and left meanwhile")
        sent = flow.stop()
        all_came = pipeline.wait_received(sent, 300)
        wait_letters(cluster, expected_letters(arguments.rounds), 60)
        wrong = check(cluster, pipeline, sent, arguments.rounds)
        return wrong + [words for words, holds in (("not every event arrived in time", all_came),
                                                   ("nothing waited while two brokers were down", waited)) if not holds]
    finally:
        pipeline.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--every-s", type=float, default=20)
    parser.add_argument("--keep", help="keep all files there")
    arguments = parser.parse_args()
    directory = arguments.keep or tempfile.mkdtemp(prefix="segmo-kafka-")
    cluster = None
    try:
        cluster = Cluster(directory)
        cluster.start()
        cluster.topic(TOPIC, 12)
        cluster.topic("segmo.dead", 1)
        wrong = play(cluster, directory, arguments)
    except NotHere as reason:
        say(f"not run: {reason}")
        return 77
    finally:
        if cluster:
            cluster.stop()
        if not arguments.keep:
            shutil.rmtree(directory, ignore_errors=True)
    for words in wrong:
        say(f"WRONG: {words}")
    say("failed" if wrong else "0 lost, order per user kept, all poison buried")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
