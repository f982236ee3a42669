"""segmo.celery with a real worker: context goes along, and no further than it should."""
import subprocess
import sys

import pytest
from conftest import ROOT
from servers import module

APPS = ROOT / "tests/python/apps"
SEND = """
import uuid
import segmo
from celery import chain
from celery_context import fail, say, start_another, try_again

with segmo.context.use(uuid.UUID(int=7), context={"ip": "203.0.113.7"}):
    say.delay("direct")
    start_another.delay("from a task")
    try_again.delay("after retries")
    chain(say.si("first of two"), say.si("second of two")).delay()
    fail.delay()
for number in range(8):
    say.delay("without %d" % number)
"""
NAMES = {"direct", "from a task", "after retries", "first of two", "second of two"}


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_context_goes_along_and_ends_with_the_task(start_worker, environment, broker, sandbox, pool):
    worker = start_worker("celery_context", APPS, pool=pool)
    subprocess.run([sys.executable, "-c", SEND], cwd=APPS, check=True, timeout=60,
                   env={**environment, **broker, "PYTHONDONTWRITEBYTECODE": "1"})
    sandbox.wait_for("segment", unique=len(NAMES) + 8)
    messages = {message["event"]: message for message in (entry["message"] for entry in sandbox.messages())}
    for name in NAMES:
        assert messages[name]["userId"] == "00000000-0000-0000-0000-000000000007"
        assert messages[name]["context"]["ip"] == "203.0.113.7"
    for name in messages.keys() - NAMES:
        assert messages[name]["anonymousId"] == "nobody" and "ip" not in messages[name]["context"]
    assert worker.stop() == 0, worker.log()


def test_tasks_that_run_at_once_are_in_the_same_context(run_python, sandbox):
    module("celery")
    done = run_python(f"""
import sys
sys.path.insert(0, {str(APPS)!r})
import segmo
from celery_context import app, say
app.conf.task_always_eager = True
with segmo.context.use("u-1", context={{"ip": "203.0.113.7"}}):
    say.delay("eager")
    assert segmo.context.current()["userId"] == "u-1"
""")
    assert done.returncode == 0, done.stderr
    sandbox.wait_for("segment", unique=1)
    message = sandbox.messages()[0]["message"]
    assert (message["userId"], message["context"]["ip"]) == ("u-1", "203.0.113.7")
