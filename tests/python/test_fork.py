"""Whatever forks or ends: 10,000 events and one of the parent, none lost, none twice, no hang at exit.

`make processes` runs these and shows what came as a table: see `record`."""
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import Process, wait_until
from servers import COMMANDS

import segmo

APPS = Path(__file__).resolve().parent / "apps"
EVENTS, PART = 10000, 100
PARTS = range(1, EVENTS, PART)
RECORD = os.environ.get("PROCESS_MODELS")
# The last statement of a program: the time it then takes is the time its end takes.
LAST_WORDS = "\nprint('last words', __import__('time').monotonic(), flush=True)\n"


@pytest.fixture
def start(environment, processes, tmp_path):
    """Starts a server in the directory of the applications; what it says so far is `server.log()`."""
    def run(*command, log="server.log", **more):
        with open(tmp_path / log, "wb") as words:
            process = Process(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=words, stderr=words, cwd=APPS,
                              env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **more})
        process.log = lambda: (tmp_path / log).read_text(errors="replace")
        return processes(process)
    return run


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url):
    try:
        urllib.request.urlopen(url + "/?first=0&count=0", timeout=20).close()
        return True
    except OSError:
        return False


def ask_all(url):
    """Has a web server track all events; answers how many of its workers took part."""
    def ask(first):
        with urllib.request.urlopen(f"{url}/?first={first}&count={PART}", timeout=60) as answer:
            return answer.read()
    with ThreadPoolExecutor(8) as pool:
        return len(set(pool.map(ask, PARTS)))


def all_arrived_once(sandbox, events=EVENTS + 1, model=None, end_s=None):
    stats = arrived(sandbox, events, model, end_s)
    assert (stats["duplicates"], stats["seq"]["duplicates"]) == (0, 0)


def arrived(sandbox, events=EVENTS + 1, model=None, end_s=None):
    """Each at least once, each under one messageId, in order; answers the stats."""
    stats = sandbox.wait_for("segment", unique=events)
    if model:
        record(model, events, stats, end_s)
    assert (stats["unique"], stats["seq"]["unique"], stats["order_violations"]) == (events, events, 0)
    return stats


def record(model, accepted, stats, end_s):
    """One line for the table of `make processes`."""
    if RECORD:
        with open(RECORD, "a") as lines:
            lines.write(json.dumps({"language": "Python", "model": model, "accepted": accepted, "arrived": stats["unique"],
                                    "doubled": stats["duplicates"], "out_of_order": stats["order_violations"],
                                    "end_s": end_s}) + "\n")


def stopped(server, patience_s=60):
    """Asks a server to end; how long that took."""
    start = time.monotonic()
    assert server.stop(patience_s) == 0, server.log()
    return time.monotonic() - start


def since_last_words(output):
    return time.monotonic() - max(map(float, re.findall(r"last words (\S+)", output)))


def test_gunicorn_with_a_preloaded_application(start, sandbox):
    if not importlib.util.find_spec("gunicorn"):
        pytest.skip("not run: gunicorn is not installed")
    server = start(sys.executable, "-m", "gunicorn", "--preload", "--workers", 4, "--bind", "127.0.0.1:0",
                   "wsgi:application")
    url = wait_until(lambda: re.search(r"Listening at: (http://\S+)", server.log()), "gunicorn listens")[1]
    wait_until(lambda: answers(url), "gunicorn answers")
    assert ask_all(url) > 1
    all_arrived_once(sandbox, model="gunicorn --preload, 4 workers", end_s=stopped(server))


@pytest.mark.parametrize("threads", [True, False])
def test_uwsgi(start, sandbox, threads):
    uwsgi = shutil.which("uwsgi-core") or shutil.which("uwsgi")
    if not uwsgi:
        pytest.skip("not run: uwsgi is not installed")
    url = "http://127.0.0.1:%d" % free_port()
    server = start(uwsgi, "--plugin", "python3", "--http-socket", url[7:], "--master", "--no-orphans", "--processes", 4,
                   "--need-app", "--wsgi-file", "wsgi.py", "--die-on-term", *(["--enable-threads"] if threads else []))
    wait_until(lambda: answers(url), "uwsgi answers")
    assert ask_all(url) > 1
    all_arrived_once(sandbox)  # before the end: uWSGI skips the exit handlers of a worker that it takes for busy
    all_arrived_once(sandbox, model="uWSGI, 4 processes, %s" % ("with threads" if threads else "without threads"),
                     end_s=stopped(server))


@pytest.mark.parametrize("kind", ["gunicorn", "uwsgi"])
def test_callbacks_work_in_every_worker(start, sandbox, kind):
    """Of a client that has begun in the process that forked them, whether or not Python was told of the fork."""
    at = "127.0.0.1:%d" % free_port()
    server = start(*COMMANDS[kind]("wsgi:application", at), *(["--enable-threads"] if kind == "uwsgi" else []))
    wait_until(lambda: answers("http://" + at), "%s answers" % kind)
    sandbox.script({"status": 422})
    heard, first = set(), 1
    while len(heard) < 2:
        with urllib.request.urlopen(f"http://{at}/?first={first}&count=1", timeout=20) as answer:
            worker = answer.read().decode()
        first += 1
        wait_until(lambda: "heard in " + worker in server.log(), "worker %s hears that its message is dead" % worker)
        heard.add(worker)
    stopped(server)


@pytest.fixture
def broker(start):
    if not importlib.util.find_spec("celery") or not importlib.util.find_spec("redis") or not shutil.which("redis-server"):
        pytest.skip("not run: celery, redis and its server are not all installed")
    port = free_port()
    server = start("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", log="broker.log")
    wait_until(lambda: "Ready to accept connections" in server.log(), "redis is ready")
    return f"redis://127.0.0.1:{port}/0"


def test_celery_with_its_default_pool(start, broker, sandbox, environment, tmp_path):
    server = start(sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-P", "prefork", "-c", 4,
                   "--without-gossip", "--without-mingle", "-l", "info", BROKER=broker)
    send = f"""
import segmo
segmo.Client.track = lambda *_, **__: None  # the sender's own client says nothing
import celery_app
for first in {PARTS!r}: celery_app.record.delay(first, {PART})
"""
    subprocess.run([sys.executable, "-c", send], cwd=APPS, check=True, timeout=60,
                   env={**environment, "BROKER": broker, "SEGMO_SPOOL_DIR": str(tmp_path / "other")})
    wait_until(lambda: server.log().count("succeeded") == len(PARTS), "all tasks are done", 60)
    all_arrived_once(sandbox, model="Celery, prefork pool of 4", end_s=stopped(server))


MULTIPROCESSING = """
import multiprocessing, os, sys
import segmo

def work(client, first, count):
    client = client or segmo.Client()
    for seq in range(first, first + count):
        client.track("child-%d" % os.getpid(), "Lamp Lit", {"seq": seq})

if __name__ == "__main__":
    method = sys.argv[1]
    client = segmo.Client()
    client.track("parent", "Started", {"seq": 0})
    context = multiprocessing.get_context(method)
    children = [context.Process(target=work, args=(client if method == "fork" else None, 1 + 2500 * n, 2500))
                for n in range(4)]
    for child in children: child.start()
    for child in children: child.join()
    print("last words", __import__("time").monotonic(), flush=True)
    sys.exit(max(child.exitcode for child in children))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(start, sandbox, tmp_path, method):
    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING)
    process = start(sys.executable, program, method)
    assert process.wait(60) == 0, process.log()
    all_arrived_once(sandbox, model="multiprocessing, %s" % method, end_s=since_last_words(process.log()))


PROGRAMS = {
    "os.fork, 4 children that end with os._exit": """
children = []
for n in range(4):
    pid = os.fork()
    if pid == 0:
        track("child-%d" % n, 1 + 2500 * n, 2500)
        os._exit(0)
    children.append(pid)
for pid in children: assert os.waitpid(pid, 0)[1] == 0
""",
    "os.fork while 4 threads track": """
import threading
threads = [threading.Thread(target=track, args=("thread-%d" % n, 1 + 1250 * n, 1250)) for n in range(4)]
for thread in threads: thread.start()
children = []
for n in range(10):
    pid = os.fork()
    if pid == 0:
        track("child-%d" % n, 5001 + 500 * n, 500)
        os._exit(0)
    children.append(pid)
for pid in children: assert os.waitpid(pid, 0)[1] == 0
for thread in threads: thread.join()
""",
    "a daemon, forked twice": """
track("parent", 1, 5000)
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
track("daemon", 5001, 5000)
""",
    "os._exit": """
track("parent", 1, 10000)
print("last words", time.monotonic(), flush=True)
os._exit(0)
""",
    "exec of another program": """
track("parent", 1, 10000)
print("last words", time.monotonic(), flush=True)
os.execv("/bin/true", ["true"])
""",
    "an end without close": """
track("parent", 1, 10000)
""",
}


@pytest.mark.parametrize("model", PROGRAMS)
def test_what_a_process_left_behind_is_sent_by_the_next_client(run_python, sandbox, options, model):
    """It may come twice, with the same messageId: what was on its way when the process ended."""
    done = run_python("""
import os, time, segmo
client = segmo.Client()
def track(user, first, count):
    for seq in range(first, first + count): client.track(user, "Lamp Lit", {"seq": seq})
track("parent", 0, 1)
""" + PROGRAMS[model] + LAST_WORDS)
    end_s = since_last_words(done.stdout)
    assert done.returncode == 0, done.stderr
    with segmo.Client(**options):
        arrived(sandbox, model=model, end_s=end_s)


def test_the_parents_unsent_events_are_the_parents_alone(run_python, sandbox):
    """What waited in the parent when it forked is not sent by the child as well."""
    sandbox.script({"status": 503, "times": 2})
    done = run_python("""
import os, segmo
client = segmo.Client()
for seq in range(1000): client.track("parent", "Lamp Lit", {"seq": seq})
if os.fork() == 0:
    client.track("child", "Lamp Lit", {"seq": 1000})
    client.close(20)
    os._exit(0)
os.wait()
client.close(20)
""")
    assert done.returncode == 0, done.stderr
    all_arrived_once(sandbox, 1001)


def test_callbacks_work_in_a_child(run_python, sandbox):
    sandbox.script({"status": 400})
    done = run_python("""
import os, segmo
client = segmo.Client(on_error=lambda report: print(os.getpid() == child, report["kind"], flush=True))
child = 0
client.track("parent", "Lamp Lit"); client.flush(20)
if os.fork() == 0:
    child = os.getpid()
    client.track("child", "Lamp Lit"); client.flush(20); client.close(20)
    os._exit(0)
os.wait()
client.close(0)
""")
    assert sorted(done.stdout.split("\n")) == ["", "False dead", "True dead"], done.stderr
