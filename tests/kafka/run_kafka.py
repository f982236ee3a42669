#!/usr/bin/env python3
"""Real events through a real three-broker cluster, one broker of which is killed on the way: `make run-kafka`.

    run_kafka.py [--count 20000] [--keep DIR]

Two gateways take the events and forward them from their spools, two workers deliver them to both destinations of the
sandbox. Ends with a summary; the exit code is 0 only when the accounts of gateways, topic, workers and sandbox agree to
the message. 77: there is no Java here, or Maven Central cannot be reached.
"""
import argparse
import shutil
import sys
import tempfile
import time

from cluster import Cluster, NotHere, free_port
from pipeline import Pipeline

TOPIC, PARTITIONS = "segmo.events", 12


def say(words):
    print(words, flush=True)


def play(cluster, pipeline, count):
    began = time.monotonic()
    for number in (1, 2):
        pipeline.start_gateway(number, free_port())
        pipeline.start_worker(number, free_port())
    say("two gateways and two workers run; sending")
    half = count // 4 * 2
    for thread in pipeline.send_through_both(half):
        thread.join()
    victim = cluster.brokers[1]
    victim.kill()
    say(f"broker {victim.number} killed (-9)")
    for at, url in enumerate(pipeline.gateways.values()):
        pipeline.send(url, half + at, (count - half) // 2, 2)
    all_came = pipeline.wait_received(count, 240)
    victim.start()
    cluster.wait_for(victim)
    say(f"broker {victim.number} is back")
    time.sleep(2)
    return all_came, time.monotonic() - began


def wait_committed(pipeline):
    """What `segmo stats` tells of the topic, as soon as the last commits are in."""
    end = time.monotonic() + 30
    while True:
        topic = pipeline.topic_stats()
        if time.monotonic() > end or not any(group["lag"] for group in topic["groups"]):
            return topic
        time.sleep(0.5)


def check(cluster, pipeline, count, all_came):
    wrong = []

    def expect(what, here, there):
        if here != there:
            wrong.append(f"{what}: {here:,.0f} is not {there:,.0f}")
    account, received, records = pipeline.account(), pipeline.received(), cluster.records(TOPIC)
    if not all_came:
        wrong.append("not every event arrived in time")
    for name, of in account.items():
        expect(f"{name}: accepted = delivered + dead + skipped + pending", of["accepted"],
               of["delivered"] + of["dead"] + of["skipped"] + of["pending"])
        expect(f"{name}: dead", of["dead"], 0)
    expect("gateways: accepted", account["kafka"]["accepted"], count)
    expect("gateways: delivered to the topic", account["kafka"]["delivered"], count)
    if records < count:
        wrong.append(f"the topic has {records:,} records, fewer than {count:,}")
    for name in ("segment", "moengage"):
        expect(f"{name}: events received", received[name]["seq"]["unique"], count)
        expect(f"{name}: received = delivered", received[name]["seq"]["unique"] + received[name]["seq"]["duplicates"],
               account[name]["delivered"])
        expect(f"{name}: order per user", received[name]["order_violations"], 0)
    say(f"\n{'':<12}{'accepted':>10}{'delivered':>11}{'pending':>9}{'dead':>6}{'returned':>10}")
    for name, of in account.items():
        say(f"{name:<12}{of['accepted']:>10,.0f}{of['delivered']:>11,.0f}{of['pending']:>9,.0f}{of['dead']:>6,.0f}"
            f"{of['skipped']:>10,.0f}")
    say(f"\n{'received':<12}{'events':>10}{'again':>11}{'out of order':>15}")
    for name in ("segment", "moengage"):
        say(f"{name:<12}{received[name]['seq']['unique']:>10,}{received[name]['seq']['duplicates']:>11,}"
            f"{received[name]['order_violations']:>15,}")
    topic = wait_committed(pipeline)
    for group in topic["groups"]:
        expect(f"segmo stats, {group['group']}: lag", group["lag"], 0)
        expect(f"segmo stats, {group['group']}: partitions that workers have", group["assigned"], PARTITIONS)
        expect(f"segmo stats, {group['group']}: workers", group["workers"], 2)
    expect("segmo stats: groups", len(topic["groups"]), 2)
    say(f"\nthe topic holds {records:,} records in {PARTITIONS} partitions, replicated 3 times")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--keep", help="keep all files there")
    arguments = parser.parse_args()
    directory = arguments.keep or tempfile.mkdtemp(prefix="segmo-kafka-")
    cluster = pipeline = None
    try:
        say("starting a controller and three brokers")
        cluster = Cluster(directory)
        cluster.start()
        cluster.topic(TOPIC, PARTITIONS)
        cluster.topic("segmo.dead", 1)
        pipeline = Pipeline(cluster, directory)
        all_came, took_s = play(cluster, pipeline, arguments.count)
        wrong = check(cluster, pipeline, arguments.count, all_came)
    except NotHere as reason:
        say(f"not run: {reason}")
        return 77
    finally:
        if pipeline:
            pipeline.stop()
        if cluster:
            cluster.stop()
        if not arguments.keep:
            shutil.rmtree(directory, ignore_errors=True)
    for words in wrong:
        say(f"WRONG: {words}")
    say(f"{arguments.count:,} events to two destinations in {took_s:.0f} s: "
        + ("accounts agree to the message" if not wrong else "accounts do not agree"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
