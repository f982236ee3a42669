"""The package as `make python-package` builds it, a sandbox, and programs that run with the package."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "build/python/lib"
sys.path[:0] = [str(PACKAGE), str(ROOT / "tests/integration")]

from harness import ENVIRONMENT, Process, Sandbox, wait_until  # noqa: E402
from servers import Worker, free_port  # noqa: E402

if os.path.basename(os.environ.get("SEGMO_BUILD", "release")) != "release":
    collect_ignore_glob = ["*"]  # the package holds the release build; it would be tested twice


@pytest.fixture(scope="session", autouse=True)
def package():
    if not PACKAGE.exists():
        pytest.skip("not run: the package is not built; `make python-package` builds it")


@pytest.fixture(scope="module", autouse=True)
def clean_environment():
    """No option of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(ENVIRONMENT):
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def own_state(clean_environment, monkeypatch, tmp_path):
    """No spool in a home directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


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
    return lambda *options: processes(Sandbox(*options))


@pytest.fixture
def sandbox(start_sandbox):
    return start_sandbox()


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def options(sandbox, spool):
    """A client that sends to the sandbox: segmo.Client(**options)."""
    return {"segment_write_key": "WK1", "segment_host": sandbox.url, "spool_dir": str(spool),
            "delivery_flush_interval_ms": 10}


@pytest.fixture
def client(options):
    import segmo
    with segmo.Client(**options) as opened:
        yield opened


@pytest.fixture
def environment(sandbox, spool):
    """The same for programs: environment variables."""
    return {**ENVIRONMENT, "PYTHONPATH": str(PACKAGE), "SEGMO_SEGMENT_WRITE_KEY": "WK1",
            "SEGMO_SEGMENT_HOST": sandbox.url, "SEGMO_SPOOL_DIR": str(spool), "PYTHONDEVMODE": "0"}


@pytest.fixture
def run_python(environment):
    """Runs a program to its end: run_python("import segmo"); answers what subprocess.run does."""
    def run(program, *arguments, patience_s=60, **more):
        return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True,
                              env={**environment, **more}, timeout=patience_s)
    return run


@pytest.fixture
def start_python(environment, processes):
    """Starts a program with pipes: start_python("import segmo").popen.stdout."""
    def start(program, *arguments, **more):
        return processes(Process([sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment, **more}))
    return start


@pytest.fixture
def broker(processes, tmp_path):
    """A Redis; answers what Celery needs in its environment to find it."""
    if not shutil.which("redis-server"):
        pytest.skip("not run: redis-server is not installed")
    port, log = free_port(), tmp_path / "redis.log"
    processes(Process(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--logfile", str(log)]))
    wait_until(lambda: log.exists() and "Ready to accept" in log.read_text(), "redis is ready")
    return {"CELERY_BROKER_URL": f"redis://127.0.0.1:{port}/0"}


@pytest.fixture
def start_worker(processes, environment, broker, tmp_path):
    """start_worker(module of the application, its directory): a Celery worker."""
    def start(app, directory, **options):
        return processes(Worker(app, directory, tmp_path / "worker.log", {**environment, **broker}, **options))
    return start
