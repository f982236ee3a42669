#!/usr/bin/env python3
"""The figures with Kafka: `make bench-kafka`. A real broker on loopback shares the machine with what is measured.

    bench.py [--count 200000] [--runs 3] [--brokers 1] [--json FILE]

producer       from enqueue to the broker's acknowledgement; per core: by the processor time of the client's process;
               beside it what librdkafka alone takes for the same records
worker         from the topic to the sandbox, against direct delivery of the same events in the same run
two workers    against one, when each answer of the receiver takes 50 ms and four requests at a time are allowed
memory         the largest a worker became (VmHWM), with one destination and with two

Of several runs the median is told. With three brokers, what is measured waits for their replication too.
"""
import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Cluster, NotHere, free_port
from pipeline import ENVIRONMENT, PROGRAM, ROOT, Pipeline, Program

DELIVER, BARE_KAFKA = PROGRAM.parent / "bench/deliver", PROGRAM.parent / "bench/bare_kafka"


def events_file(directory):
    path = Path(directory) / "events.ndjson"
    subprocess.run([sys.executable, ROOT / "tests/events/generate.py", "--shape", "order", "--count", "20000", "--out",
                    path], check=True)
    return path


def deliver(events, directory, url, count, **options):
    spool = tempfile.mkdtemp(dir=directory)
    done = subprocess.run([DELIVER, events, spool, url, str(count), "segmo",
                           *(f"{name.replace('__', '.')}={value}" for name, value in options.items())],
                          stdout=subprocess.PIPE, text=True, check=True, env=ENVIRONMENT)
    shutil.rmtree(spool)
    return json.loads(done.stdout)["segmo"]


def bare(cluster, events, count, topic):
    done = subprocess.run([BARE_KAFKA, events, cluster.servers, topic, str(count)], stdout=subprocess.PIPE, text=True,
                          check=True)
    return 100000 / json.loads(done.stdout)["cpu_s_per_100k"]


class Receiver:
    def __init__(self, *options):
        self.process = subprocess.Popen([PROGRAM, "sandbox", "--port", "0", "--quiet", "--count-only", *options],
                                        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.url = self.process.stdout.readline().split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def peak_mib(program):
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def options_of(destinations, url):
    segment = {"segment.write_key": "bench-write-key", "segment.host": url}
    moengage = {"moengage.url": url, "moengage.app_id": "BENCH", "moengage.data_api_key": "bench-key",
                "moengage.events_per_minute": 10 ** 8, "moengage.users_per_minute": 10 ** 8}
    return {**(segment if "segment" in destinations else {}), **(moengage if "moengage" in destinations else {})}


def work(cluster, directory, url, topic, count, workers, group, destinations=("segment",), **options):
    """Events a second from the first delivery of any worker to the last, and the largest worker in MiB."""
    given = {"kafka.bootstrap.servers": cluster.servers, "kafka.topic": topic, "kafka.group": group,
             **options_of(destinations, url), **{name.replace("__", "."): value for name, value in options.items()}}
    arguments = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    addresses, programs = [f"127.0.0.1:{free_port()}" for _ in range(workers)], []
    for number, address in enumerate(addresses):
        programs.append(Program(Path(directory), f"{group}-{number}", "work", "--listen", address, *arguments))
    try:
        for address in addresses:
            Pipeline.wait_ready("http://" + address, "/healthz")
        began, done = None, 0
        while done < count * len(destinations):
            told = [Pipeline.metrics(None, "http://" + address) for address in addresses]
            done = sum(each.get(f'segmo_destination_delivered_total{{destination="{name}"}}', 0)
                       for each in told for name in destinations)
            if any("_dead_total{" in name for each in told for name in each):
                raise RuntimeError(f"events became dead letters: {told}")
            if began is None and done > 0:
                began, at_first = time.monotonic(), done
            time.sleep(0.05)
        took = time.monotonic() - began
        return (count * len(destinations) - at_first) / took, max(map(peak_mib, programs))
    finally:
        for program in programs:
            program.kill()


def compare(cluster, directory, events, url, count, number):
    """One run of the producer, of direct delivery and of a worker, right after each other."""
    topic = f"bench-{number}"
    cluster.topic(topic, 12)
    cluster.topic(topic + "-bare", 12)
    alone = bare(cluster, events, count, topic + "-bare")
    to_kafka = deliver(events, directory, url, count, kafka__bootstrap__servers=cluster.servers, kafka__topic=topic)
    direct = deliver(events, directory, url, count)["events_per_s"]
    worker, peak = work(cluster, directory, url, topic, count, 1, topic)
    return {"producer_events_per_s": to_kafka["events_per_s"],
            "producer_events_per_core_s": 100000 / to_kafka["cpu_s_per_100k"],
            "librdkafka_events_per_core_s": alone, "direct_events_per_s": direct,
            "worker_events_per_s": worker, "worker_to_direct": worker / direct, "worker_peak_mib": peak}


def measure(cluster, directory, count, runs):
    events, both = events_file(directory), ("segment", "moengage")
    with Receiver() as receiver:
        all_runs = [compare(cluster, directory, events, receiver.url, count, number) for number in range(runs)]
    figures = {name: statistics.median(run[name] for run in all_runs) for name in all_runs[0]}
    slow = {"delivery__max_in_flight": 4, "delivery__lanes": 4}
    with Receiver("--latency-ms", "50") as receiver:
        small = min(count, 40000)
        one, _ = work(cluster, directory, receiver.url, "bench-0", small, 1, "slow-one", **slow)
        two, _ = work(cluster, directory, receiver.url, "bench-0", small, 2, "slow-two", **slow)
        figures["two_workers_to_one_at_50_ms"] = two / one
        _, figures["worker_peak_mib_two_destinations"] = work(cluster, directory, receiver.url, "bench-0", count, 1,
                                                              "both", destinations=both)
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--brokers", type=int, default=1)
    parser.add_argument("--json", help="write the figures there too")
    arguments = parser.parse_args()
    directory, cluster = tempfile.mkdtemp(prefix="segmo-kafka-"), None
    try:
        cluster = Cluster(directory, arguments.brokers)
        cluster.start()
        cluster.topic("segmo.dead", 1)
        figures = measure(cluster, directory, arguments.count, arguments.runs)
    except NotHere as reason:
        print(f"not run: {reason}")
        return 77
    finally:
        if cluster:
            cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:<34}{value:>12,.2f}")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
