"""A host program that a test leads call by call (host.c), and its accounts."""
import json
import os
import pathlib
import subprocess

import pytest

from harness import ENVIRONMENT, PATIENCE_S, PROGRAM, ROOT, SANITIZED, Process, wait_until

HOST = pathlib.Path(PROGRAM).parent / "integration" / "host"
# A build whose clocks a test can move; those with a sanitizer are.
CLOCK_HOST = HOST if SANITIZED else ROOT / "build" / "test" / "integration" / "host"
DEAD, SKIPPED, WARNING, PAUSED, RESUMED, SETTINGS, ATTEMPT = 2, 3, 4, 5, 6, 7, 9
QUICK = {"delivery.flush_interval_ms": 10, "delivery.backoff_base_ms": 10, "delivery.backoff_cap_ms": 50}


class Answer(dict):
    @property
    def ok(self):
        return self["status"] in ("SEGMO_OK", "SEGMO_SYNC_WANTED")


class LedHost(Process):
    def __init__(self, program=HOST, **options):
        if not os.access(program, os.X_OK):
            pytest.skip("not run: %s is not built" % program)
        options.setdefault("env", ENVIRONMENT)
        super().__init__([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.reports = []

    def end(self):
        """Ends by itself where it can: leaks are found then, and what it has reached counts in a build that counts."""
        if self.popen.poll() is None:
            self.popen.stdin.close()
            try:
                self.popen.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                pass
        super().end()

    def ask(self, verb, rest=""):
        self.popen.stdin.write("%s %s\n" % (verb, rest))
        self.popen.stdin.flush()
        line = self.popen.stdout.readline()
        if not line:
            pytest.fail("the host ended with %s at %s" % (self.popen.wait(), verb))
        return Answer(json.loads(line))

    def open(self, *options, file=None, **more):
        """Options as dictionaries; answers what opening came to."""
        words = ["@%s" % file] if file else []
        for option in (*options, more):
            words += ["%s=%s" % (name, value) for name, value in option.items()]
        return self.ask("open", "\t".join(words))

    def set(self, name, value):
        return self.ask("set", "%s=%s" % (name, value))

    def put(self, message, source=None):
        text = json.dumps(message)
        return self.ask("put_for", "%s %s" % (source, text)) if source else self.ask("put", text)

    def put_all(self, messages):
        for message in messages:
            answer = self.put(message)
            assert answer.ok, answer

    def flush(self, timeout_ms=20000):
        return self.ask("flush", timeout_ms)

    def close(self, timeout_ms=5000):
        return self.ask("close", timeout_ms)

    def shift(self, ms, wall_ms=None):
        """Lets time pass: both clocks jump; the worker looks at them at once."""
        assert self.ask("shift", "%d %d" % (ms if wall_ms is None else wall_ms, ms)).ok
        self.flush(0)

    def stats(self, destination=None):
        stats = self.ask("stats")["result"]
        return stats["destinations"][destination] if destination else stats

    def poll(self):
        """All reports so far."""
        while True:
            report = self.ask("poll", 0)["result"]
            if not report:
                return self.reports
            self.reports.append((report["kind"], report["report"]))

    def reported(self, kind):
        return [report for of, report in self.poll() if of == kind]

    def wait_report(self, kind):
        return wait_until(lambda: self.reported(kind), "report %d" % kind)

    def wait_delivered(self, count, destination="segment"):
        wait_until(lambda: self.stats(destination)["delivered"] >= count, "%d are delivered" % count)

    def check_accounts(self, **expected):
        """accepted = delivered + dead + pending + skipped for each destination; `segment_dead=1` and the like."""
        stats = self.stats()["destinations"]
        for name, of in stats.items():
            assert of["accepted"] == of["delivered"] + of["dead"] + of["pending"] + of["skipped"], (name, of)
        for name, value in expected.items():
            destination, member = name.split("_", 1)
            assert stats[destination][member] == value, (name, stats[destination])


def tracks(count, first=0, users=10, **more):
    return [dict({"type": "track", "userId": "u-%d" % (seq % users), "event": "Lamp Lit", "messageId": "m-%d" % seq,
                  "properties": {"seq": seq}}, **more) for seq in range(first, first + count)]


def to_segment(url, spool, **more):
    return dict(QUICK, **{"segment.host": url, "segment.write_key": "WK1", "spool.dir": spool}, **more)


def to_both(segment_url, moengage_url, spool):
    return dict(to_segment(segment_url, spool), **{"moengage.app_id": "APP1", "moengage.data_api_key": "KEY1",
                                                   "moengage.url": moengage_url})
