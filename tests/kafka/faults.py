#!/usr/bin/env python3
"""A real cluster, treated badly; `make test-kafka` runs it after the mock cluster's long form.

    faults.py [--rounds 10] [--every-s 20] [--keep DIR]

Events flow all the time while, round after round, a broker is killed (-9) and comes back, a worker is killed and started
again, and two further workers join and leave; at last two of three brokers are down at once. Then the accounts are held
against each other: 0 accepted events lost, order per user kept; how many came again is told.
"""
import argparse
import shutil
import sys
import tempfile
import threading
import time

from cluster import Cluster, NotHere, free_port
from pipeline import Pipeline

TOPIC = "segmo.events"


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


def round_of_faults(cluster, pipeline, number, every_s):
    victim = cluster.brokers[number % 3]
    victim.kill()
    say(f"round {number}: broker {victim.number} killed")
    time.sleep(every_s / 4)
    name, ports = "worker-1", pipeline.ports
    pipeline.current[name].kill()
    pipeline.current[name] = pipeline.start_worker(1, ports[name])
    time.sleep(every_s / 4)
    for guest in (7, 8):  # a rebalance storm: they join and leave at once
        port = free_port()
        joining = pipeline.start_worker(guest, port)
        pipeline.workers.pop(f"worker-{guest}")
        joining.stop(90)
    victim.start()
    cluster.wait_for(victim)
    time.sleep(every_s / 2)


def two_brokers_down(cluster):
    for broker in cluster.brokers[:2]:
        broker.kill()
    say("two of three brokers down: the topic takes nothing, the spools do")
    time.sleep(10)
    for broker in cluster.brokers[:2]:
        broker.start()
    for broker in cluster.brokers[:2]:
        cluster.wait_for(broker)


def check(cluster, pipeline, sent, all_came):
    received, records, wrong = pipeline.received(), cluster.records(TOPIC), []
    for name in ("segment", "moengage"):
        seq = received[name]["seq"]
        say(f"{name}: {seq['unique']:,} events, {seq['duplicates']:,} of them again, "
            f"{received[name]['order_violations']} out of order")
        if seq["unique"] != sent:
            wrong.append(f"{name}: {sent:,} were accepted, {seq['unique']:,} arrived")
        if received[name]["order_violations"]:
            wrong.append(f"{name}: order per user was broken")
    say(f"accepted {sent:,}, records in the topic {records:,}")
    if records < sent:
        wrong.append("the topic has fewer records than events were accepted")
    if not all_came:
        wrong.append("not every event arrived in time")
    return wrong


def play(cluster, directory, arguments):
    pipeline = Pipeline(cluster, directory)
    try:
        pipeline.ports = {"worker-1": free_port(), "worker-2": free_port()}
        for number in (1, 2):
            pipeline.start_gateway(number, free_port())
        pipeline.current = {f"worker-{number}": pipeline.start_worker(number, pipeline.ports[f"worker-{number}"])
                            for number in (1, 2)}
        flow = Flow(pipeline)
        for number in range(arguments.rounds):
            round_of_faults(cluster, pipeline, number, arguments.every_s)
        two_brokers_down(cluster)
        sent = flow.stop()
        all_came = pipeline.wait_received(sent, 300)
        return check(cluster, pipeline, sent, all_came)
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
    say("failed" if wrong else "0 lost, order per user kept")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
