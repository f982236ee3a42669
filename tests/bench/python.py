"""The Python package beside json.dumps and beside segment-analytics-python, each in the same run.

The peer, and orjson, live in a throw-away environment; without it their rows are not run:

    python3 -m venv --system-site-packages build/bench-python
    build/bench-python/bin/pip install segment-analytics-python==2.3.4 orjson
"""
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CALLS = ROOT / "tests/bench/python_calls.py"
PEERS = ROOT / "build/bench-python/bin/python"
CALL_COUNT, E2E_COUNT, SLOW_COUNT, KILL_COUNT = 20000, 50000, 10000, 5000
TROUBLE = {"receiver answers after 50 ms": (15, ["--latency-ms", "50"]),
           "10 % of the answers 503 or 429": (10, ["--fail", "503:0.05", "--fail", "429:0.05"])}


class Bench:
    """Runs one library in a process of its own, against a receiver of its own."""

    def __init__(self, tools, report, directory, runs):
        self.tools, self.report, self.directory, self.runs = tools, report, directory, runs
        self.events = tools.events_file(directory, 10000)
        self.has_peers = PEERS.exists()

    def once(self, mode, library, *options, receiver=(), count):
        where = self.tools.scratch(self.directory)
        python = PEERS if self.has_peers else sys.executable
        with self.tools.Receiver(*receiver) as there:
            command = ["env", f"PYTHONPATH={ROOT}/build/python/lib", python, CALLS, mode, library, there.url,
                       self.events, where, "--count", count, *options]
            row = self.tools.run_json(command)
            row["received"] = there.stats()["segment"]
        shutil.rmtree(where)
        return row

    def pairs(self, *cases):
        """The cases in turn, `runs` times: rows that were taken side by side."""
        return [[self.once(*case[0], **case[1]) for case in cases] for _ in range(self.runs)]


def ratio(rows, over, under):
    return statistics.median(over(row) / under(row) for row in rows)


def import_time(bench):
    def ms(program):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": f"{ROOT}/build/python/lib"})
        return (time.perf_counter() - start) * 1000
    taken = statistics.median(ms("import segmo") - ms("pass") for _ in range(max(5, bench.runs)))
    bench.report.add("python: import segmo", taken, "ms", "< 50", taken < 50)


def case(library, *options):
    return ("call", library, *options), {"count": CALL_COUNT}


def cost(bench):
    """What a call costs by itself: against json.dumps of the same event, nothing being delivered meanwhile."""
    both = [case("segmo", "--held")] + ([case("segmo", "--held", "--json", "orjson")] if bench.has_peers else [])
    rows = bench.pairs(*both)
    for index, words in enumerate(["", ", with orjson"][:len(both)]):
        per_dumps = ratio(rows, lambda row: row[index]["track"]["p50"], lambda row: row[index]["dumps"]["p50"])
        bench.report.add(f"python: track() against json.dumps{words}", per_dumps, "x the time", "<= 1.5",
                         per_dumps <= 1.5)
        value = statistics.median(row[index]["track"]["p50"] for row in rows)
        if index == 0:
            bench.report.add("   track() itself", value, "us", "-", True)
        else:
            bench.report.add_cpu("python: track() with orjson, median", value, "us", 3.5)


def saturated(bench):
    """Called as fast as it goes, with delivery running, against the peer in the same state."""
    rows = bench.pairs(case("segmo"), case("segmo", "--json", "orjson"), case("peer"))
    for index, words, wanted in ((0, "without orjson", 4), (1, "with orjson", 10)):
        faster = ratio(rows, lambda row: row[2]["track"]["p50"], lambda row: row[index]["track"]["p50"])
        bench.report.add(f"python: track() against the peer's, {words}", faster, "x as fast", f">= {wanted}",
                         faster >= wanted)


def busy(bench):
    """With another thread that computes: what a call costs when the interpreter is contended."""
    rows = [bench.once("call", "segmo", "--held", "--busy", count=CALL_COUNT) for _ in range(bench.runs)]
    for name, wanted in (("mean", 15), ("p99", 100)):
        value = statistics.median(row["track"][name] for row in rows)
        bench.report.add_cpu(f"python: track() beside a busy thread, {name}", value, "us", wanted)
        bench.report.add(f"   json.dumps alone beside it, {name}",
                         statistics.median(row["dumps"][name] for row in rows), "us", "-", True)


def delivery(bench):
    rows = bench.pairs(*((("e2e", library), {"count": E2E_COUNT}) for library in ("segmo", "peer")))
    faster = ratio(rows, lambda row: row[0]["events_per_s"], lambda row: row[1]["events_per_s"])
    less = ratio(rows, lambda row: row[0]["cpu_s_per_100k"], lambda row: row[1]["cpu_s_per_100k"])
    bench.report.add("python: delivered against the peer, gzip, durable", faster, "x as fast", ">= 6", faster >= 6)
    bench.report.add("python: CPU for it against the peer's", less, "x the CPU", "<= 0.2", less <= 0.2)
    bench.report.add("   delivered", statistics.median(row[0]["events_per_s"] for row in rows), "events/s", "-", True)


def trouble(bench):
    for words, (wanted, receiver) in TROUBLE.items():
        rows = bench.pairs(*((("e2e", library), {"count": count, "receiver": receiver})
                             for library, count in (("segmo", E2E_COUNT), ("peer", SLOW_COUNT))))
        faster = ratio(rows, lambda row: row[0]["events_per_s"], lambda row: row[1]["events_per_s"])
        bench.report.add(f"python: {words}, against the peer", faster, "x as fast", f">= {wanted}", faster >= wanted)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import python_calls
options = type("Options", (), dict(url=sys.argv[3], dir=sys.argv[5], json="own", held=False, mode="call"))
library = getattr(python_calls, sys.argv[2])(options)
events = python_calls.read_events(sys.argv[4])
for number in range(int(sys.argv[6])): library.track(events[number % len(events)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(bench):
    """kill -9 in an outage, after so many calls; what the next process delivers when the outage is over."""
    for library in ["Segmo", "Peer"] if bench.has_peers else ["Segmo"]:
        where = bench.tools.scratch(bench.directory)
        with bench.tools.Receiver("--fail", "503:1") as outage:
            subprocess.run(["env", f"PYTHONPATH={ROOT}/build/python/lib", PEERS if bench.has_peers else sys.executable,
                            "-c", KILLED, CALLS.parent, library, outage.url, bench.events, where, str(KILL_COUNT)])
        with bench.tools.Receiver() as there:
            subprocess.run(["env", f"PYTHONPATH={ROOT}/build/python/lib", sys.executable, "-c",
                            "import segmo, sys; segmo.Client(segment_write_key='WK', segment_host=sys.argv[1], "
                            "spool_dir=sys.argv[2]).flush(60)", there.url, where], check=True)
            lost = KILL_COUNT - there.stats()["segment"]["accepted"]
        shutil.rmtree(where)
        what = "python: lost to kill -9 in an outage" if library == "Segmo" else "   lost by the peer"
        bench.report.add(what, lost, f"of {KILL_COUNT:,}", "0" if library == "Segmo" else "-",
                         library == "Peer" or lost == 0)


def run(tools, report, directory, runs):
    if not (ROOT / "build/python/lib").exists():
        print("not run: the package is not built; `make python-package` builds it")
        return
    bench = Bench(tools, report, directory, runs)
    parts = [import_time, cost, busy, killed]
    if bench.has_peers:
        parts += [saturated, delivery, trouble]
    else:
        print("not run: rows against the peer and with orjson. To install both:" +
              __doc__.partition("not run:")[2].rstrip())
    for part in parts:
        part(bench)
