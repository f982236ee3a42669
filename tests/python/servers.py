"""Real web servers, each on a port of its own."""
import http.client
import importlib.util
import shutil
import socket
import subprocess
import sys
import urllib.parse

import pytest
from harness import PATIENCE_S, Answer, Process, wait_until

COMMANDS = {
    "gunicorn": lambda app, at: [*module("gunicorn"), "--preload", "--workers", 2, "--bind", at, app],
    "uwsgi": lambda app, at: [uwsgi(), "--plugin", "python3", "--http-socket", at, "--master", "--processes", 2,
                              "--need-app", "--die-on-term", "--module", app],
    "uvicorn": lambda app, at: [*module("uvicorn"), "--host", at.split(":")[0], "--port", at.split(":")[1], app],
    "hypercorn": lambda app, at: [*module("hypercorn"), "--workers", 2, "--bind", at, app],
}


def module(name):
    if not importlib.util.find_spec(name):
        pytest.skip(f"not run: {name} is not installed")
    return [sys.executable, "-m", name]


def uwsgi():
    program = shutil.which("uwsgi-core") or shutil.which("uwsgi")
    if not program:
        pytest.skip("not run: uwsgi is not installed")
    return program


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server(Process):
    """A server with an application (`module:name`) from `directory`; what it says goes to a file."""

    def __init__(self, kind, app, directory, log, environment):
        self.kind, self.port = kind, free_port()
        self._log = log
        with open(log, "wb") as words:
            super().__init__(list(map(str, COMMANDS[kind](app, f"127.0.0.1:{self.port}"))), cwd=directory,
                             stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                             env={**environment, "PYTHONDONTWRITEBYTECODE": "1"})
        wait_until(self._answers, f"{kind} answers")

    def log(self):
        return self._log.read_text(errors="replace")

    def _answers(self):
        assert self.popen.poll() is None, self.log()
        try:
            return self.get("/ready")  # whatever it says to that: before, a signal might find no handler
        except (OSError, http.client.HTTPException):
            return None

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path, form=None, **headers):
        """A form, as browsers send it."""
        fields = urllib.parse.urlencode(form or {})
        return self.request("POST", path, fields, {"Content-Type": "application/x-www-form-urlencoded", **headers})


def cookies(answer):
    """What a browser would send back."""
    return "; ".join(each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie"))


class Worker(Process):
    """A Celery worker with two processes or threads, for an application (a module) from `directory`."""

    def __init__(self, app, directory, log, environment, pool="prefork"):
        self._log = log
        with open(log, "wb") as words:
            super().__init__([*module("celery"), "-A", app, "worker", "-P", pool, "-c", "2", "-l", "info",
                              "--without-gossip", "--without-mingle"], cwd=directory, stdin=subprocess.DEVNULL, stdout=words, stderr=words,
                             env={**environment, "PYTHONDONTWRITEBYTECODE": "1"})
        wait_until(lambda: "ready." in self.log(), "the worker is ready")

    def log(self):
        return self._log.read_text(errors="replace")
