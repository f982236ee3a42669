"""What every integration test works with: the built program, a sandbox beside it, and ways to end things badly.

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
import sys
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SEGMO_PROGRAM", str(ROOT / "build" / "release" / "segmo"))
READY = re.compile(r"segmo sandbox: (http://\S+)")
PATIENCE_S = 20  # until something that must happen counts as not happening

sys.path.insert(0, str(ROOT / "tests" / "events"))


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


@pytest.fixture(scope="session", autouse=True)
def program():
    """The path of the program; tests that need it are not run when it is not built."""
    if not os.access(PROGRAM, os.X_OK):
        pytest.skip("not run: %s is not built; `make` builds it" % PROGRAM)
    return PROGRAM


@pytest.fixture
def processes():
    """Everything started through it is ended with the test."""
    started = []

    def start(process):
        started.append(process)
        return process
    yield start
    for process in reversed(started):
        process.end()


@pytest.fixture
def start_sandbox(processes):
    """Starts sandboxes: start_sandbox("--write-key", "WK1")."""
    return lambda *options: processes(Sandbox(*options))


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


@pytest.fixture
def segmo():
    """Runs the program to its end: segmo("send", "--help"). Its output is in .stdout and .stderr, its exit code
    in .returncode."""
    def run(*arguments, stdin="", env=None, patience_s=60):
        return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, env=dict(os.environ, **(env or {})),
                              capture_output=True, text=True, timeout=patience_s)
    return run


@pytest.fixture
def start_segmo(processes):
    """Starts the program and leaves it running: start_segmo("serve", "--port", "0")."""
    def start(*arguments, env=None):
        return processes(Process([PROGRAM, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=dict(os.environ, **(env or {}))))
    return start


@pytest.fixture
def events_file(tmp_path):
    """Writes a file of generated messages: events_file(count=100, seed=1, users=5, shape="mixed")."""
    import generate

    def write(name="events.ndjson", **options):
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in generate.lines(**options)), encoding="utf-8")
        return path
    return write


def gzipped(text):
    return gzip.compress(text.encode() if isinstance(text, str) else text, 6)
