#!/usr/bin/env python3
"""Lets a client and a gateway work for a long time on a bad network, and holds them to their accounts: `make soak`.

    soak.py [--minutes 60] [--rate 2000] [--seed 1]

A host program with a client, which sends to Segment and MoEngage, and `segmo serve`, which sends to Segment, each get
`rate` messages a second. Between them and their sandboxes stands a proxy; every few seconds another kind of trouble begins.
Every 5,000th message is refused for good (413), so that dead letters are part of the accounts.

It begins with the longest outage. Fails when a message is lost, arrives out of order or is counted wrongly; when private memory
grows by 1 MB an hour or more after the warm-up (the first quarter); or when files or connections become more.
"""
import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/integration/network")]

from fault_proxy import REQUEST, Fault, FaultProxy, random_faults  # noqa: E402
from gateway import Gateway  # noqa: E402
from harness import Sandbox, wait_until  # noqa: E402
from led_host import LedHost, to_both  # noqa: E402

USERS = 500
POISON_EVERY = 5000
POISON = {"status": 413, "match": "poison"}
TICK_S = 0.05
SAMPLE_S = 5
DRAIN_S = 300
MEMORY_SLOPE_MB_H = 1.0
LEAST_MINUTES = 20  # for a slope that says something
# Lanes take memory once, as much as the longest backlog so far needs: it is to come first, not in the middle.
FIRST_OUTAGE_S = 90
IN_FLIGHT = 32

OPTIONS = {"delivery.backoff_base_ms": 100, "delivery.backoff_cap_ms": 5000, "delivery.timeout_ms": 3000,
           "delivery.connect_timeout_ms": 2000, "delivery.max_in_flight": IN_FLIGHT}
# With its published limits MoEngage would be half as fast as what is asked here.
UNLIMITED = {"moengage.events_per_minute": 10000000, "moengage.users_per_minute": 10000000,
             "moengage.requests_per_second": 100000}

# What the sandbox does and what the proxy does, until the next trouble.
CALM = ([], lambda dice: lambda number: None)
TROUBLES = {
    "calm": CALM,
    "errors": ([{"status": 503, "share": 0.3}, {"status": 500, "share": 0.1}], CALM[1]),
    "rate limits": ([{"status": 429, "share": 0.1, "retry_after": 1}, {"status": 429, "share": 0.2}], CALM[1]),
    "resets": ([{"reset_after_bytes": 700, "share": 0.2}, {"reset_answer_after_bytes": 60, "share": 0.2}], CALM[1]),
    "slow": ([{"latency_ms": 300}], CALM[1]),
    "never": ([{"never": True, "share": 0.05}], CALM[1]),
    "cut connections": ([], lambda dice: random_faults(dice.random(), request_bytes=60000)),
    "outage": ([], lambda dice: lambda number: Fault("reset", REQUEST, 0)),
    "black hole": ([], lambda dice: lambda number: Fault("silence", REQUEST, 0)),
    "all at once": ([{"status": 503, "share": 0.2}, {"reset_answer_after_bytes": 60, "share": 0.1}, {"latency_ms": 50}],
                    lambda dice: random_faults(dice.random(), share=0.5, request_bytes=60000)),
}


def message(seq):
    event = "poison" if seq % POISON_EVERY == POISON_EVERY - 1 else "Lamp Lit"
    return {"type": "track", "userId": "u-%d" % (seq % USERS), "event": event, "messageId": "m-%d" % seq,
            "properties": {"seq": seq, "note": "a message of middling length"}}


class Party:
    """A process that carries messages, its proxy and its sandbox."""

    def __init__(self, directory, seed):
        self.directory = directory
        self.sandbox = Sandbox("--quiet", "--keep", "0")
        self.proxy = FaultProxy(self.sandbox.port, seed=seed)
        self.dice = random.Random(seed)
        self.accepted = 0
        self.samples = []
        self.trouble("calm")

    def trouble(self, name):
        rules, plan = TROUBLES[name]
        self.sandbox.script(POISON, *rules, seed=self.dice.randrange(1 << 30))
        self.proxy.plan = plan(self.dice)

    def sample(self, elapsed_s):
        proc = Path("/proc/%d" % self.process.popen.pid)
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        kilobytes = {name: int(status[name].split()[0]) for name in ("RssAnon", "VmRSS")}
        sockets, files = count_descriptors(proc / "fd")
        self.samples.append({"party": self.name, "s": round(elapsed_s), "anon_kb": kilobytes["RssAnon"],
                             "rss_kb": kilobytes["VmRSS"], "sockets": sockets, "files": files,
                             "threads": int(status["Threads"]), "accepted": self.accepted,
                             "pending": self.pending()})
        return self.samples[-1]

    def end(self):
        for each in (self.process, self.proxy, self.sandbox):
            each.end()


def count_descriptors(directory):
    sockets = files = 0
    for entry in directory.iterdir():
        try:
            is_socket = os.readlink(entry).startswith("socket:")
        except FileNotFoundError:
            continue
        sockets += is_socket
        files += not is_socket
    return sockets, files


class Client(Party):
    name = "client"

    def __init__(self, directory, seed):
        super().__init__(directory, seed)
        self.process = LedHost()
        opened = self.process.open(to_both(self.proxy.url, self.proxy.url, directory / "spool"), UNLIMITED, OPTIONS,
                                   **{"delivery.flush_interval_ms": 500})
        assert opened.ok, opened

    def put(self, messages):
        """All calls go into the pipe at once; the answers are read behind them."""
        pipe = self.process.popen
        pipe.stdin.write("".join("put %s\n" % json.dumps(each) for each in messages))
        pipe.stdin.flush()
        for _ in messages:
            answer = json.loads(pipe.stdout.readline())
            assert answer["status"] == "SEGMO_OK", answer
        self.accepted += len(messages)

    def accounts(self):
        accounts = self.process.stats()["destinations"]
        return {service: accounts[service] for service in ("segment", "moengage")}

    def pending(self):
        self.process.ask("poll", 0)
        return sum(of["pending"] for of in self.accounts().values())


class Served(Party):
    name = "gateway"

    def __init__(self, directory, seed):
        super().__init__(directory, seed)
        self.process = Gateway(directory, self.proxy, **OPTIONS,
                               **{"delivery.flush_interval_ms": 500, "gateway.duplicates_max": 200000})
        self.connection = self.process.connect()

    def put(self, messages):
        answer = self.process.request("POST", "/v1/batch", {"writeKey": "WKSHOP", "batch": messages},
                                      {"Content-Type": "application/json"}, self.connection)
        assert answer.status == 200, (answer.status, answer.text)
        self.accepted += len(messages)

    def accounts(self):
        of = {name: int(self.process.metric("destination_" + name, destination="segment"))
              for name in ("accepted_total", "delivered_total", "dead_total", "skipped_total", "pending")}
        return {"segment": {name.removesuffix("_total"): count for name, count in of.items()}}

    def pending(self):
        return self.accounts()["segment"]["pending"]


def slope_mb_h(samples):
    """The median of the slopes between all pairs (Theil and Sen): what a peak in an outage does not move."""
    points = samples[::max(1, len(samples) // 300)]
    slopes = [(b["anon_kb"] - a["anon_kb"]) / 1024 / (b["s"] - a["s"]) * 3600
              for i, a in enumerate(points) for b in points[i + 1:] if b["s"] > a["s"]]
    return statistics.median(slopes)


def judge(party):
    """What is wrong, in words."""
    wrong = []
    poison = party.accepted // POISON_EVERY
    arrived = party.sandbox.stats()
    for name, of in party.accounts().items():
        there = arrived[name]
        for what, found, expected in (
                ("accepted", of["accepted"], party.accepted),
                ("delivered + dead + pending + skipped", sum(of[part] for part in ("delivered", "dead", "pending", "skipped")),
                 party.accepted),
                ("pending", of["pending"], 0),
                ("skipped", of["skipped"], 0),
                ("dead", of["dead"], poison),
                ("arrived", there["unique"], of["delivered"]),
                ("arrived by number", there["seq"]["unique"], of["delivered"]),
                ("out of order", there["order_violations"], 0)):
            if found != expected:
                wrong.append("%s, %s: %s is %d and must be %d" % (party.name, name, what, found, expected))
        print("  %-8s %-9s %12s accepted %12s delivered %6s dead %3s lost %8s again, same id" % (
            party.name, name, *("%d" % number for number in (
                of["accepted"], of["delivered"], of["dead"], of["accepted"] - of["dead"] - there["unique"],
                there["duplicates"]))))
    return wrong + judge_resources(party)


def judge_resources(party):
    warm = party.samples[len(party.samples) // 4:]
    first, last = warm[:len(warm) // 3], warm[-(len(warm) // 3):]
    slope = slope_mb_h(warm)
    files = [max(each["files"] for each in part) for part in (first, last)]
    sockets = [max(each["sockets"] for each in part) for part in (first, last)]
    print("  %-8s private memory %.1f to %.1f MB, %+.2f MB/h; files open %d, then %d; connections %d, then %d; threads %d" % (
        party.name, min(each["anon_kb"] for each in warm) / 1024, max(each["anon_kb"] for each in warm) / 1024, slope,
        *files, *sockets, max(each["threads"] for each in warm)))
    wrong = []
    if warm[-1]["s"] < LEAST_MINUTES * 60:
        print("  not run: the slope of memory is judged from %d minutes on" % LEAST_MINUTES)
    elif slope >= MEMORY_SLOPE_MB_H:
        wrong.append("%s: memory grows by %.2f MB an hour" % (party.name, slope))
    if files[1] > files[0] + 1:
        wrong.append("%s: %d files are open and %d were" % (party.name, files[1], files[0]))
    # Two destinations of 32 requests each, libcurl's pool of idle ones, what listens and what wakes.
    if max(sockets) > 3 * IN_FLIGHT:
        wrong.append("%s: %d connections are open" % (party.name, max(sockets)))
    return wrong


def run(parties, arguments, log):
    start = time.monotonic()
    end = start + arguments.minutes * 60
    dice = random.Random(arguments.seed)
    per_tick = round(arguments.rate * TICK_S)
    next_tick = next_sample = next_word = start
    next_trouble = start + min(FIRST_OUTAGE_S, arguments.minutes * 60 / 10)
    names = dict.fromkeys(parties, "outage")
    for party in parties:
        party.trouble("outage")
    while (now := time.monotonic()) < end:
        if now >= next_trouble:
            next_trouble = now + dice.uniform(4, 20)
            for party in parties:
                names[party] = dice.choice(list(TROUBLES))
                party.trouble(names[party])
        if now >= next_sample:
            next_sample += SAMPLE_S
            for party in parties:
                log.write(json.dumps(dict(party.sample(now - start), trouble=names[party])) + "\n")
            log.flush()
        if now >= next_word:
            next_word += 60
            print("%3d min: %s" % ((now - start) / 60, "; ".join(
                "%s %d accepted, %d pending, %.1f MB" % (party.name, party.accepted, party.samples[-1]["pending"],
                                                        party.samples[-1]["anon_kb"] / 1024) for party in parties)),
                  flush=True)
        for party in parties:
            party.put([message(seq) for seq in range(party.accepted, party.accepted + per_tick)])
        next_tick += TICK_S
        time.sleep(max(0, next_tick - time.monotonic()))
    seconds = time.monotonic() - start
    for party in parties:
        party.trouble("calm")
        wait_until(lambda: party.pending() == 0, "%s has sent everything" % party.name, DRAIN_S)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("SOAK_MINUTES", 60)))
    parser.add_argument("--rate", type=int, default=2000, help="messages a second to each of the two")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.setswitchinterval(0.001)  # the proxies' threads share Python with the loop
    directory = Path(tempfile.mkdtemp(prefix="segmo-soak-"))
    samples = ROOT / "build/soak.ndjson"
    parties = []
    try:
        for number, kind in enumerate((Client, Served)):
            (directory / kind.name).mkdir()
            parties.append(kind(directory / kind.name, arguments.seed + number))
        with open(samples, "w") as log:
            seconds = run(parties, arguments, log)
        print("%.1f minutes, %d messages a second to each (samples: %s)" % (
            seconds / 60, parties[0].accepted / seconds, samples.relative_to(ROOT)))
        wrong = [words for party in parties for words in judge(party)]
    finally:
        for party in parties:
            party.end()
        shutil.rmtree(directory, ignore_errors=True)
    print("\n".join(wrong) or "the accounts agree to the message")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
