#!/usr/bin/env python3
"""The figures with Kafka: `make bench-kafka`. A real cluster on loopback shares the machine with what is measured.

    bench.py [--count 200000] [--json FILE]

producer       from enqueue to the brokers' acknowledgement; per core: by the processor time of the client's process
worker         from the topic to the sandbox, against direct delivery of the same events in the same run
two workers    against one, when each answer of the receiver takes 50 ms and four requests at a time are allowed
memory         the largest a worker became (VmHWM)
"""
import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Cluster, NotHere, free_port
from pipeline import ENVIRONMENT, PROGRAM, ROOT, Pipeline, Program

DELIVER = PROGRAM.parent / "bench/deliver"


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


def work(cluster, directory, url, topic, count, workers, group, **options):
    """Events a second from the first delivery of any worker to the last, and the largest worker in MiB."""
    more = [part for name, value in options.items() for part in ("--set", f"{name.replace('__', '.')}={value}")]
    addresses, programs = [f"127.0.0.1:{free_port()}" for _ in range(workers)], []
    for number, address in enumerate(addresses):
        programs.append(Program(Path(directory), f"{group}-{number}", "work", "--for", "segment", "--listen", address,
                                "--set", f"kafka.bootstrap.servers={cluster.servers}", "--set", f"kafka.topic={topic}",
                                "--set", f"kafka.group={group}", "--set", "segment.write_key=bench-write-key",
                                "--set", f"segment.host={url}", *more))
    try:
        for address in addresses:
            Pipeline.wait_ready("http://" + address, "/healthz")
        began, done = None, 0
        while done < count:
            done = sum(Pipeline.metrics(None, "http://" + address).get(
                'segmo_destination_delivered_total{destination="segment"}', 0) for address in addresses)
            if began is None and done > 0:
                began, at_first = time.monotonic(), done
            time.sleep(0.05)
        took = time.monotonic() - began
        return (count - at_first) / took, max(map(peak_mib, programs))
    finally:
        for program in programs:
            program.kill()


def measure(cluster, directory, count):
    events, figures = events_file(directory), {}
    with Receiver() as receiver:
        to_kafka = deliver(events, directory, receiver.url, count, kafka__bootstrap__servers=cluster.servers,
                           kafka__topic="bench")
        figures["producer_events_per_s"] = to_kafka["events_per_s"]
        figures["producer_events_per_core_s"] = 100000 / to_kafka["cpu_s_per_100k"]
        direct = deliver(events, directory, receiver.url, count)
        figures["direct_events_per_s"] = direct["events_per_s"]
        figures["worker_events_per_s"], figures["worker_peak_mib"] = work(cluster, directory, receiver.url, "bench",
                                                                         count, 1, "bench-one")
        figures["worker_to_direct"] = figures["worker_events_per_s"] / figures["direct_events_per_s"]
    slow = {"delivery__max_in_flight": 4, "delivery__lanes": 4}
    with Receiver("--latency-ms", "50") as receiver:
        small = min(count, 40000)
        one, _ = work(cluster, directory, receiver.url, "bench-slow", small, 1, "slow-one", **slow)
        two, _ = work(cluster, directory, receiver.url, "bench-slow", small, 2, "slow-two", **slow)
        figures["two_workers_to_one_at_50_ms"] = two / one
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200000)
    parser.add_argument("--json", help="write the figures there too")
    arguments = parser.parse_args()
    directory, cluster = tempfile.mkdtemp(prefix="segmo-kafka-"), None
    try:
        cluster = Cluster(directory)
        cluster.start()
        figures = bench(cluster, directory, arguments.count)
    except NotHere as reason:
        print(f"not run: {reason}")
        return 77
    finally:
        if cluster:
            cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1))
    return 0


def bench(cluster, directory, count):
    """Makes the topics, measures and prints."""
    for topic in ("bench", "bench-slow"):
        cluster.topic(topic, 12)
    with Receiver() as receiver:
        deliver(events_file(directory), directory, receiver.url, min(count, 40000),
                kafka__bootstrap__servers=cluster.servers, kafka__topic="bench-slow")
    figures = measure(cluster, directory, count)
    for name, value in figures.items():
        print(f"{name:<32}{value:>12,.2f}", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
