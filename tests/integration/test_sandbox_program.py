"""`segmo sandbox` as a program: its command line, its files, its end."""
import concurrent.futures
import signal

import pytest

from sandbox_cases import EVENT, SENDER, numbered, send, statuses


def test_the_help_shows_examples_and_exit_codes(segmo):
    done = segmo("sandbox", "--help")
    assert done.returncode == 0
    assert "examples:" in done.stdout and "exit codes:" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("arguments", [
    ["--prot", "1"], ["--port"], ["--port", "x"], ["--port", "65536"], ["--port", "-1"], ["extra"], ["--fail", "99:1"],
    ["--fail", "503:2"], ["--fail", "503:x"], ["--latency-ms", "-5"], ["--listen", "here"], ["--rate-limit", "0"],
    ["--rate-limit", "5/0"], ["--keep", "1000000"],
], ids=" ".join)
def test_a_wrong_command_line_is_explained(segmo, arguments):
    done = segmo("sandbox", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "segmo sandbox --help" in done.stderr


def test_an_address_in_use_is_told(sandbox, segmo):
    done = segmo("sandbox", "--port", sandbox.port)
    assert done.returncode == 1
    assert str(sandbox.port) in done.stderr and "--port" in done.stderr


def test_files_that_cannot_be_used_are_told(segmo, tmp_path):
    assert segmo("sandbox", "--port", "0", "--record", tmp_path / "no" / "file").returncode == 1
    assert segmo("sandbox", "--script", tmp_path / "none.json").returncode == 1
    (tmp_path / "bad.json").write_text('{"service":"*","rules":[{"x":1}]}')
    assert segmo("sandbox", "--script", tmp_path / "bad.json").returncode == 2


def test_a_script_and_failures_come_from_the_command_line_too(start_sandbox, tmp_path):
    path = tmp_path / "script.json"
    path.write_text('{"service":"segment","rules":[{"status":502,"times":1}]}')
    sandbox = start_sandbox("--script", str(path), "--fail", "503:1")
    assert statuses(sandbox, 2) == [502, 503]
    assert sandbox.request("POST", "/v1/event/APP1", EVENT, SENDER).status == 503


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_summary(start_sandbox, ending):
    sandbox = start_sandbox()
    send(sandbox, numbered(1), numbered(1))
    sandbox.popen.send_signal(ending)
    assert sandbox.wait() == 0
    assert "segment: 1 requests, 2 messages (1 unique, 1 duplicates)" in sandbox.popen.stderr.read()


def test_it_ends_at_once_while_answers_are_still_waiting(start_sandbox):
    sandbox = start_sandbox("--quiet", "--latency-ms", "600000")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, sandbox, numbered(1))
        sandbox.wait_for("segment", requests=1)
        assert sandbox.stop() == 0
        assert not isinstance(waiting.exception(), TimeoutError)
    assert sandbox.popen.stderr.read() == ""


def test_it_listens_on_this_machine_alone_unless_told(start_sandbox):
    assert start_sandbox().host == "127.0.0.1"
    assert start_sandbox("--listen", "0.0.0.0").url.startswith("http://0.0.0.0:")
