"""However a process ends, what it accepted arrives; and it ends."""
import re
import signal

import pytest

import segmo

ACCEPT = """
import os, signal, sys, segmo
client = segmo.Client(close_timeout_ms=100)
for seq in range(500): client.track("u-%d" % (seq % 7), "Lamp Lit", {"seq": seq})
print("accepted", flush=True)
"""
ENDINGS = {
    "exit without flush": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "os._exit": ("os._exit(3)", 3),
    "uncaught exception": ("raise RuntimeError('not today')", 1),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "SIGINT": ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
    "closed before the directory is gone": ("client.close(0)", 0),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_in_an_outage(run_python, sandbox, options, ending):
    """Nothing leaves meanwhile, so all of it has to come from the disk."""
    last_words, code = ENDINGS[ending]
    sandbox.script({"status": 503})
    done = run_python(ACCEPT + last_words)
    assert (done.returncode, done.stdout) == (code, "accepted\n"), done.stderr
    assert sandbox.stats("segment")["unique"] == 0
    sandbox.script()
    with segmo.Client(**options) as client:
        assert client.flush(20)
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"], stats["order_violations"]) == (500, 0, 0)


def test_exit_sends_what_waits(run_python, sandbox):
    done = run_python("import segmo\nsegmo.Client().track('u-1', 'Lamp Lit')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sandbox.stats("segment")["unique"] == 1


def test_exit_does_not_wait_for_a_receiver_that_never_answers(start_python, sandbox):
    sandbox.script({"never": True})
    program = start_python("import segmo\nsegmo.Client().track('u-1', 'Lamp Lit')", SEGMO_CLOSE_TIMEOUT_MS="300ms")
    assert program.wait() == 0
    assert sandbox.stats("segment")["unique"] == 0


def test_many_clients_take_no_longer_to_exit_than_one(run_python, sandbox):
    """Each may take two seconds, beginning at the same moment; one after the other they would take forty."""
    sandbox.script({"status": 503})
    done = run_python("""
import segmo
clients = [segmo.Client(close_timeout_ms="2s") for _ in range(20)]
for client in clients:
    client.track("u-1", "Lamp Lit")
""", patience_s=30)
    assert (done.returncode, done.stderr) == (0, "")


def test_closing_while_threads_still_call(run_python, sandbox, options):
    """What they had accepted is delivered or on the disk."""
    done = run_python("""
import threading, time, segmo
client = segmo.Client()
accepted = [0] * 4
def work(n):
    while True:
        client.track("u-%d" % n, "Lamp Lit", {"seq": n * 1000000 + accepted[n]})
        accepted[n] += 1
for n in range(4): threading.Thread(target=work, args=(n,), daemon=True).start()
time.sleep(0.2)
client.close(20)
print("accepted", sum(accepted))
""")
    assert done.returncode == 0, done.stderr
    accepted = int(re.match(r"accepted (\d+)", done.stdout)[1])
    assert accepted > 0
    with segmo.Client(**options) as client:
        assert client.flush(20)
    assert 0 <= sandbox.stats("segment")["unique"] - accepted <= 4  # one each that was not counted any more


def test_a_client_at_the_end_of_the_interpreter(run_python, sandbox):
    """An object's __del__ may track when modules are half gone: refused or accepted, never a crash."""
    done = run_python("""
import segmo
class Late:
    def __del__(self):
        try: client.track("u-1", "Too Late")
        except segmo.ClosedError: print("refused")
client = segmo.Client()
client.track("u-1", "Lamp Lit")
late = Late()
""")
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
    assert sandbox.stats("segment")["unique"] == 1


def test_sub_interpreters_work_or_are_refused_in_words(run_python):
    done = run_python("""
import sys
try: import _xxsubinterpreters as interpreters
except ImportError: import _interpreters as interpreters
import segmo
inner = interpreters.create()
try:
    interpreters.run_string(inner, '''
try:
    import segmo
    client = segmo.Client(delivery_enabled=False)
    client.track("u-1", "Lamp Lit")
    print("works", client.stats()["accepted"])
    client.close(0)
except ImportError as error:
    print("refused:", error)
''')
finally:
    interpreters.destroy(inner)
""")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("works 1", "refused: ")), done.stdout + done.stderr
