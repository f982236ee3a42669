#!/usr/bin/env python3
"""Order and outcomes: 50 users with 40 events each, sent to a service that answers by a script of its own for each
seed: 200, 400 for batches with a bad event, 413 for large batches, 429 with and without Retry-After, 500, 503, cut
connections before and after it took the batch, and no answer at all.

    order.py [--seeds 1000] [--first 0]

Each user's events must first arrive in the order in which they were accepted; each event must have exactly one
outcome: delivered, or, where the service never takes it, dead. `--seeds 1 --first N` runs one script again.
"""
import argparse
import email.utils
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness import ENVIRONMENT, PROGRAM  # noqa: E402
from receiver import Receiver  # noqa: E402

PRODUCER = pathlib.Path(PROGRAM).parent / "integration" / "producer"
USERS, EVENTS = 50, 40
TOTAL = USERS * EVENTS
TIMEOUT_MS = 150
OPTIONS = ["delivery.flush_at=25", "delivery.lanes=16", "delivery.max_in_flight=8", "delivery.flush_interval_ms=5",
           "delivery.backoff_base_ms=5", "delivery.backoff_cap_ms=20", "delivery.timeout_ms=%d" % TIMEOUT_MS]
ANSWERS = ["ok"] * 14 + ["429", "429 now", "429 date", "500", "503", "cut", "taken and cut", "silent", "413", "413"]


class Script:
    """What the n-th request is answered; after the last line everything is taken that can be."""

    def __init__(self, seed):
        dice = random.Random(seed)
        self.lines = [dice.choice(ANSWERS) for _ in range(dice.randrange(100, 400))]
        if dice.random() < 0.2:
            self.lines[dice.randrange(40)] = "429 a second"
        self.bad = {seq for seq in range(TOTAL) if dice.random() < 0.01}
        self.huge = {seq for seq in range(TOTAL) if dice.random() < 0.003} - self.bad

    def line(self, number):
        return self.lines[number - 1] if number <= len(self.lines) else "ok"


@dataclass
class Service:
    script: Script
    arrived: list = field(default_factory=list)  # (user, seq), each once, as they first came
    repeated: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, batch):
        with self.lock:
            known = {seq for _, seq in self.arrived}
            for message in batch:
                seq = message["properties"]["seq"]
                if seq in known:
                    self.repeated += 1
                else:
                    self.arrived.append((message["userId"], seq))

    def reply(self, request, number):
        seqs = {message["properties"]["seq"] for message in request.batch}
        line = self.script.line(number)
        if line.startswith("429"):
            after = {"429 now": "0", "429 a second": "1", "429 date": email.utils.formatdate(time.time(), usegmt=True)}
            return 429, {"Retry-After": after[line]} if line in after else {}, b"{}"
        if line in ("500", "503"):
            return int(line), {}, b"{}"
        if line == "silent":
            time.sleep(2 * TIMEOUT_MS / 1000)
            return b""
        if line == "cut":
            return b""
        if seqs & self.script.huge or (line == "413" and len(seqs) > 3):
            return 413, {}, b"{}"
        if seqs & self.script.bad:
            return 400, {}, b'{"success":false}'
        self.take(request.batch)
        if line == "taken and cut":
            return b"HTTP/1.1 200"
        return 200, {}, b'{"success":true}'


def wrong_order(arrived):
    """The first user whose events came in another order."""
    last = {}
    for user, seq in arrived:
        if seq < last.get(user, -1):
            return "%s: %d came behind %d" % (user, seq, last[user])
        last[user] = seq
    return None


def dead_letters(spool):
    listed = subprocess.run([PROGRAM, "dead", "list", "--json", "--set", "spool.dir=%s" % spool, "--limit", "100000"],
                            env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return [letter["message"]["properties"]["seq"] for letter in json.loads(listed.stdout)]


def run(seed):
    with tempfile.TemporaryDirectory(prefix="segmo-order-") as directory:
        return run_in(seed, pathlib.Path(directory))


def run_in(seed, where):
    """What is wrong, or None; and how often events were sent twice."""
    service = Service(Script(seed))
    receiver = Receiver(service.reply)
    try:
        host = subprocess.run([str(PRODUCER), "finish", str(where / "accepted"), str(where / "spool"), receiver.url, "0",
                               str(TOTAL), "1", *OPTIONS], capture_output=True, text=True, timeout=120)
    finally:
        receiver.end()
    if host.returncode != 0:
        return "the host program failed: %s" % host.stderr, 0
    return check(service, json.loads(host.stdout)["destinations"]["segment"], dead_letters(where / "spool")), \
        service.repeated


def check(service, counts, dead):
    seqs = {seq for _, seq in service.arrived}
    never = service.script.bad | service.script.huge
    if wrong_order(service.arrived):
        return wrong_order(service.arrived)
    if sorted(dead) != sorted(never):
        return "dead are %s, and should be %s" % (sorted(dead), sorted(never))
    if seqs != set(range(TOTAL)) - never:
        return "%d events arrived, not %d" % (len(seqs), TOTAL - len(never))
    if (counts["delivered"], counts["dead"], counts["pending"]) != (len(seqs), len(never), 0):
        return "the client counts otherwise: %s" % counts
    return None


def run_all(seeds):
    """What is wrong, in words; and how often events were sent twice. Most of the time is waiting, so four at once."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = list(zip(seeds, pool.map(run, seeds)))
    wrong = ["seed %d: %s\nrepeat with: tests/torture/order.py --seeds 1 --first %d" % (seed, words, seed)
             for seed, (words, _) in found if words]
    return wrong, sum(twice for _, (_, twice) in found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    wanted = parser.parse_args()
    wrong, repeated = run_all(range(wanted.first, wanted.first + wanted.seeds))
    for words in wrong:
        print(words)
    if wrong:
        return 1
    print("%d seeds, %d events: each had one outcome, in the order of its user; %d were sent twice" %
          (wanted.seeds, wanted.seeds * TOTAL, repeated))
    return 0


if __name__ == "__main__":
    sys.exit(main())
