"""What integration tests work with: the built program, a sandbox beside it, ways to end them badly.

The program is build/release/segmo, or what the environment variable SEGMO_PROGRAM names.
"""
import gzip
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.path.abspath(os.environ.get("SEGMO_PROGRAM", ROOT / "build" / "release" / "segmo"))
# Options of whoever runs the tests, and the tests' own variables, are no part of what is tested.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SEGMO_")}
READY = re.compile(r"segmo sandbox: (http://\S+)")
SANITIZED = os.path.basename(os.path.dirname(PROGRAM)) in ("asan", "tsan")
PATIENCE_S = 200 if SANITIZED else 20  # until something that must happen counts as not happening


def wait_until(condition, what, patience_s=PATIENCE_S):
    """The first true answer of `condition`, asked again and again; fails the test when none comes."""
    end = time.monotonic() + patience_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail("waited %d s in vain until %s" % (patience_s, what))
        time.sleep(0.01)


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.text = body.decode()

    @property
    def json(self):
        return json.loads(self.text)


class Process:
    """A running program. `stop` asks it to end, `kill` does not ask."""

    def __init__(self, arguments, **options):
        self.arguments = arguments
        self.popen = subprocess.Popen(arguments, text=True, **options)

    def stop(self, patience_s=PATIENCE_S):
        self.popen.send_signal(signal.SIGTERM)
        return self.wait(patience_s)

    def kill(self):
        """kill -9: no handler runs, no buffer is written."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def wait(self, patience_s=PATIENCE_S):
        """The exit code; a process that does not end in time fails the test."""
        try:
            return self.popen.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail("%s did not end within %d s" % (self.arguments[1:3], patience_s))

    def end(self):
        """For clean-up: whatever it takes."""
        if self.popen.poll() is None:
            self.kill()
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if stream:
                stream.close()


class Background(Process):
    """A program that runs beside the test. What it says goes to files, so that it never waits for a reader."""

    _count = 0

    def __init__(self, arguments, env, directory):
        Background._count += 1
        self._out = directory / ("stdout-%d" % Background._count)
        self._err = directory / ("stderr-%d" % Background._count)
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            super().__init__([PROGRAM, *map(str, arguments)], stdin=subprocess.PIPE, stdout=out, stderr=err,
                             env=dict(ENVIRONMENT, **env))

    @property
    def stdout(self):
        return self._out.read_text(encoding="utf-8")

    @property
    def stderr(self):
        return self._err.read_text(encoding="utf-8")

    def wait_for_line(self, pattern):
        """The first match of a regular expression in what it said so far."""
        return wait_until(lambda: re.search(pattern, self.stdout + self.stderr), "it says %r" % pattern)


class Sandbox(Process):
    """A sandbox on a port of its own."""

    def __init__(self, *options):
        super().__init__([PROGRAM, "sandbox", "--port", "0", *options], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
        line = self.popen.stdout.readline()
        ready = READY.match(line)
        if not ready:
            self.end()
            pytest.fail("the sandbox did not start: %r" % line)
        self.url = ready.group(1)
        address = urllib.parse.urlsplit(self.url)
        self.host, self.port = address.hostname, address.port

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None, connection=None):
        """One request; `body` may be bytes, text, or anything JSON can write."""
        own = connection or self.connect()
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        try:
            own.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
            response = own.getresponse()
            return Answer(response, response.read())
        finally:
            if not connection:
                own.close()

    def stats(self, service=None):
        stats = self.request("GET", "/stats").json
        return stats[service] if service else stats

    def messages(self, limit=100):
        return self.request("GET", "/messages?limit=%d" % limit).json["messages"]

    def reset(self):
        assert self.request("POST", "/reset").status == 200

    def script(self, *rules, service="*", seed=1):
        answer = self.request("POST", "/script", {"service": service, "rules": list(rules), "seed": seed})
        assert answer.status == 200, answer.text

    def wait_for(self, service, **counts):
        """Until each named count of /stats has at least its value; answers the stats of the service."""
        def reached():
            stats = self.stats(service)
            return stats if all(stats[name] >= value for name, value in counts.items()) else None
        return wait_until(reached, "%s has %s" % (service, counts))


def gzipped(text):
    return gzip.compress(text.encode() if isinstance(text, str) else text, 6)
