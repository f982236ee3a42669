"""The figures of the Ruby gem; a part of bench.py.

What stands beside analytics-ruby needs that library: `gem install analytics-ruby -v 2.5.0`, or a checkout of that version
whose directory ANALYTICS_RUBY names. Without it those rows say `not run`.
"""
import os
import shutil
import signal
import statistics
import subprocess
from contextlib import contextmanager
from pathlib import Path

RUBY = os.environ.get("RUBY", "/usr/bin/ruby")
PEER = 'begin; gem "analytics-ruby", "~> 2.5"; rescue LoadError; exit 1; end'
LATENCY = ("--latency-ms", "50")
ERRORS = ("--fail", "503:0.05", "--fail", "429:0.05")


class Side:
    """One of the two libraries, measured in processes of its own."""

    def __init__(self, name, tools, directory):
        self.name, self.tools, self.directory = name, tools, directory

    def command(self, mode, url, spool, count):
        return [RUBY, "-I", self.tools.ROOT / "bindings/ruby/lib", self.tools.ROOT / "tests/bench/track.rb", mode, self.name,
                self.tools.events_file(self.directory, 10000), f"url={url}", f"spool={spool}", f"count={count}"]

    @contextmanager
    def receiver(self, *options):
        where = self.tools.scratch(self.directory)
        with self.tools.Receiver(*options) as receiver:
            yield receiver, where
        shutil.rmtree(where)

    def run(self, mode, count, *options):
        with self.receiver(*options) as (receiver, spool):
            told = self.tools.run_json(self.command(mode, receiver.url, spool, count))
            told["received"] = receiver.stats()["segment"]
        return told


def peer_is_there():
    return "ANALYTICS_RUBY" in os.environ or subprocess.run([RUBY, "-e", PEER], check=False).returncode == 0


def run(tools, report, directory, runs):
    segmo = Side("segmo", tools, directory)
    peer = Side("peer", tools, directory) if peer_is_there() else None
    if not peer:
        print("  not run: what stands beside analytics-ruby; `gem install analytics-ruby -v 2.5.0`, or let "
              "ANALYTICS_RUBY name a checkout of it")
    calls(report, segmo, peer, runs)
    rates(report, segmo, peer, runs, "deliver, one thread", 100_000, 20_000, 4, cpu_share=1 / 3)
    rates(report, segmo, peer, min(runs, 3), "receiver answers after 50 ms", 100_000, 4_000, 15, LATENCY)
    # Once: analytics-ruby waits longer after each failure of its life, so a short run flatters it; this takes 100 s.
    rates(report, segmo, peer, 1, "10 % of the answers 503 or 429", 100_000, 20_000, 50, ERRORS)
    killed(report, segmo, peer)
    waiting(report, segmo)


def calls(report, segmo, peer, runs):
    rows = [segmo.run("call", 10_000) for _ in range(runs)]
    ratio = statistics.median(row["call_ns"] / row["json_ns"] for row in rows)
    report.add("ruby: track against JSON.generate of the same", ratio, "x the time", "<= 1.5", ratio <= 1.5)
    tell(report, "   track alone, median", statistics.median(row["call_ns"] for row in rows) / 1000, "us")
    if peer:
        theirs = statistics.median(peer.run("call", 5_000)["call_ns"] for _ in range(runs))
        tell(report, "   track of analytics-ruby, median", theirs / 1000, "us")


def rates(report, segmo, peer, runs, what, count, peers_count, wanted, options=(), cpu_share=None):
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(segmo.run("deliver", count, *options))
        if peer:
            theirs.append(peer.run("deliver", peers_count, *options))
    rate = statistics.median(row["events_per_s"] for row in ours)
    tell(report, f"ruby: {what}", rate, "events/s")
    lost = max(count - row["received"]["accepted"] for row in ours)
    report.add("   of these, lost", lost, "events", "0", lost == 0)
    if not peer:
        return
    tell(report, "   analytics-ruby", statistics.median(row["events_per_s"] for row in theirs), "events/s")
    ratio = statistics.median(a["events_per_s"] / b["events_per_s"] for a, b in zip(ours, theirs))
    report.add("   against analytics-ruby", ratio, "x", f">= {wanted}", ratio >= wanted)
    if cpu_share:
        cpu = statistics.median(a["cpu_s_per_100k"] / b["cpu_s_per_100k"] for a, b in zip(ours, theirs))
        report.add("   CPU against analytics-ruby", cpu, "x", f"<= {cpu_share:.2f}", cpu <= cpu_share)


def killed(report, segmo, peer):
    """5,000 calls while nothing answers, then kill -9; afterwards everything answers and a new process starts."""
    for side in filter(None, (segmo, peer)):
        with side.receiver("--fail", "503:1") as (receiver, spool):
            process = subprocess.Popen([str(part) for part in side.command("outage", receiver.url, spool, 5_000)],
                                       stdout=subprocess.PIPE)
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            with side.tools.Receiver() as answering:
                side.tools.run_json(side.command("deliver", answering.url, spool, 1))
                lost = 5_001 - answering.stats()["segment"]["accepted"]
        if side is segmo:
            report.add("ruby: kill -9 in an outage after 5,000 calls, lost", lost, "events", "0", lost == 0)
        else:
            tell(report, "   analytics-ruby lost", lost, "events")


def waiting(report, segmo):
    kept = segmo.run("lock", 1, "--latency-ms", "60000")["kept"]
    report.add("ruby: speed a thread keeps beside a waiting flush", kept, "of idle", ">= 0.9", kept >= 0.9)
    worst = segmo.run("interrupt", 1, "--latency-ms", "60000")["worst_ms"]
    report.add("ruby: Ctrl-C ends a waiting flush, worst of 10", worst, "ms", "<= 250", worst <= 250)


def tell(report, what, value, unit):
    report.add(what, value, unit, "-", True)
