"""segmo.analytics beside the real segment.analytics, call by call, where that is installed."""
import json
import os
import subprocess
import sys

import pytest
from harness import ENVIRONMENT, ROOT

PACKAGE = ROOT / "build/python/lib"
CASES = ROOT / "tests/python/analytics_cases.py"
PEER = os.environ.get("PEER_PYTHON", str(ROOT / "build/peer/bin/python"))
INSTALL = "python3 -m venv build/peer && build/peer/bin/pip install segment-analytics-python==2.3.4 cffi"


def run(python, *arguments, **environment):
    done = subprocess.run([python, CASES, *arguments], capture_output=True, text=True, timeout=60,
                          env={**ENVIRONMENT, **environment})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def peer_python():
    if not os.path.exists(PEER):
        pytest.skip(f"not run: segment-analytics-python is not installed; {INSTALL}")
    return PEER


@pytest.fixture
def both(peer_python, tmp_path):
    """What the same calls answer: (theirs, ours)."""
    return (run(peer_python, "segment.analytics"),
            run(sys.executable, "segmo.analytics", PYTHONPATH=str(PACKAGE), XDG_STATE_HOME=str(tmp_path)))


def test_signatures_and_defaults_are_the_same(both):
    theirs, ours = both
    for what in ("parameters", "methods", "defaults", "version"):
        assert ours["described"][what] == theirs["described"][what]
    assert ours["described"]["module"].items() >= theirs["described"]["module"].items()


def test_each_call_answers_the_same(both):
    theirs, ours = both
    assert len(ours["answers"]) == len(theirs["answers"]) > 50
    for number, answers in enumerate(zip(theirs["answers"], ours["answers"])):
        assert answers[0] == answers[1], f"case {number} of analytics_cases.py"


def test_each_message_arrives_the_same(peer_python, start_sandbox, tmp_path):
    arrived = []
    for python, name, more in ((peer_python, "segment.analytics", {}),
                               (sys.executable, "segmo.analytics", {"PYTHONPATH": str(PACKAGE),
                                                                    "XDG_STATE_HOME": str(tmp_path)})):
        sandbox = start_sandbox("--lenient")
        run(python, name, sandbox.url, **more)
        messages = {entry["message"]["messageId"]: entry["message"] for entry in sandbox.messages()}
        for message in messages.values():
            message["context"].pop("library")
        arrived.append(messages)
    theirs, ours = arrived
    assert len(theirs) > 20
    assert {name: message for name, message in ours.items() if name in theirs} == theirs
    assert set(ours) - set(theirs) == {"sent-9", "sent-10", "sent-11"}  # an empty name, ids that are numbers
