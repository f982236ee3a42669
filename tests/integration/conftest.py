"""The fixtures of the integration tests; what they hand out is in harness.py."""
import os
import subprocess
import sys

import pytest

from gateway import Gateway
from harness import ENVIRONMENT, PROGRAM, ROOT, Background, Sandbox
from led_host import LedHost
from receiver import Receiver

sys.path.insert(0, str(ROOT / "tests" / "events"))


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
def host(processes):
    """A host program without a client yet: host.open({...}). It must end well, which is when leaks are found."""
    led = processes(LedHost())
    yield led
    if led.popen.poll() is None:
        led.popen.stdin.close()
    assert led.wait() == 0


@pytest.fixture
def receive():
    """Starts receivers: receive(lambda request, number: (503, {}, b""))."""
    started = []

    def start(*arguments, **options):
        started.append(Receiver(*arguments, **options))
        return started[-1]
    yield start
    for receiver in started:
        receiver.end()


@pytest.fixture
def start_sandbox(processes):
    """Starts sandboxes: start_sandbox("--write-key", "WK1")."""
    return lambda *options: processes(Sandbox(*options))


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


@pytest.fixture(scope="session")
def judge(program):
    """One sandbox for all tests that look at nothing but its answers."""
    sandbox = Sandbox("--write-key", "WK1", "--app-id", "APP1", "--api-key", "KEY1")
    yield sandbox
    sandbox.end()


@pytest.fixture
def segmo():
    """Runs the program to its end: segmo("send", "--help").

    Its output is in .stdout and .stderr, its exit code in .returncode."""
    def run(*arguments, stdin="", env=None, patience_s=60):
        return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, text=True,
                              env=dict(ENVIRONMENT, **(env or {})), timeout=patience_s)
    return run


@pytest.fixture
def start_segmo(processes, tmp_path):
    """Starts the program and leaves it running: start_segmo("serve", "--port", "0")."""
    def start(*arguments, env=None):
        return processes(Background(arguments, env or {}, tmp_path))
    return start


@pytest.fixture
def start_gateway(processes, tmp_path):
    """Starts gateways, each with a directory of its own: start_gateway(sandbox, **{"gateway.strict": True})."""
    def start(sandbox=None, env=None, directory=None, **options):
        if not directory:
            directory = tmp_path / ("gateway-%d" % len(started))
            directory.mkdir()
        started.append(processes(Gateway(directory, sandbox, env, **options)))
        return started[-1]
    started = []
    return start


@pytest.fixture(scope="module")
def gateway(program, tmp_path_factory):
    """One gateway without delivery for all tests of a module that look at nothing but its answers."""
    running = Gateway(tmp_path_factory.mktemp("gateway"))
    yield running
    running.end()


@pytest.fixture
def events_file(tmp_path):
    """Writes a file of generated messages: events_file(count=100, seed=1, users=5, shape="mixed")."""
    import generate

    def write(name="events.ndjson", **options):
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in generate.lines(**options)), encoding="utf-8")
        return path
    return write


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Makes self-signed certificates: certificate("name", "DNS:localhost,IP:127.0.0.1") answers the path of a file with the
    key and the certificate; the certificate alone is beside it, with `.crt`."""
    def make(name, alternative):
        path = tmp_path_factory.mktemp("tls") / name
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=" + name, "-addext", "subjectAltName=" + alternative, "-keyout", path, "-out",
                        str(path) + ".crt"], check=True, capture_output=True)
        with open(path, "a") as both, open(str(path) + ".crt") as public:
            both.write(public.read())
        return str(path)
    return make


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", disk], capture_output=True,
                             text=True)
    if mounted.returncode != 0:
        pytest.skip("not run: cannot mount a small disk: %s" % mounted.stderr.strip())
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)
