"""The suite's counts: whatever goes wrong in a part must fail the whole."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import suite  # noqa: E402

PACKAGES = Path(__file__).parent / "packages.sh"


def counted(output, code=0):
    count = suite.count_tap(suite.Ran(code, output))
    return count.passed, count.failed, count.skipped


def test_passed_failed_and_skipped_tests_are_told_apart():
    output = "1..3\nok 1 - a\nnot run: no root\nnot ok 2 # SKIP b\nnot ok 3 - c\n# 0x1 != 0x2\n"
    assert counted(output, 1) == (1, 1, 1)


def test_groups_of_one_program_are_added():
    assert counted("1..1\nok 1 - a\n1..2\nok 1 - b\nok 2 - c\n") == (3, 0, 0)


@pytest.mark.parametrize("output, code", [
    ("1..2\nok 1 - a\n", -11),        # died in the second test
    ("1..2\nok 1 - a\n", 0),          # ended itself in the second test
    ("1..1\nok 1 - a\n", 1),          # a sanitizer found something at the end
    ("", 0), ("", 127)])              # never began
def test_a_program_that_does_not_do_what_it_planned_is_a_failure(output, code):
    assert counted(output, code)[1] == 1


def counted_ruby(output, code=0):
    count = suite.count_minitest(suite.Ran(code, output))
    return count.passed, count.failed, count.skipped


def test_minitests_summary_is_read():
    assert counted_ruby("9 runs, 20 assertions, 1 failures, 2 errors, 3 skips\n", 1) == (3, 3, 3)


@pytest.mark.parametrize("output, code", [
    ("9 runs, 20 assertions, 0 failures, 0 errors, 0 skips\n", 134),  # died at exit
    ("0 runs, 0 assertions, 0 failures, 0 errors, 0 skips\n", 0),     # found no test
    ("", 0), ("", 1)])                                                # never began
def test_a_ruby_program_without_a_good_end_is_a_failure(output, code):
    assert counted_ruby(output, code)[1] == 1


def test_a_hanging_program_is_stopped_with_everything_it_started():
    ran = suite.run(["sh", "-c", "sleep 60 & echo $!; wait"], 0.3)
    assert ran.code == 124 and "ran longer" in ran.output
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(int(ran.output.split()[0]), 0)
            subprocess.run(["sleep", "0.05"], check=True)


def test_programs_hear_ctrl_c_also_when_the_suite_runs_in_the_background(tmp_path):
    program = tmp_path / "ignored"
    program.write_text("import signal, suite, sys\n"
                       "suite.KINDS['ask'] = lambda _: print(suite.run(['grep', 'SigIgn', '/proc/self/status'], 9).output)"
                       " or suite.Count(passed=1)\nsys.exit(suite.main())\n")
    shell = f"trap '' INT; {sys.executable} {program} ask:it"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(Path(suite.__file__).parent)})
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & 1 << (signal.SIGINT - 1), done.stdout


def test_an_unknown_part_is_refused():
    done = subprocess.run([sys.executable, suite.__file__, "units:test"], capture_output=True, text=True)
    assert done.returncode != 0 and "unknown part 'units:test'" in done.stderr


def test_parts_side_by_side_are_added_and_each_is_known_before_the_first_runs():
    def ran(*steps):
        done = subprocess.run([sys.executable, suite.__file__, *steps], capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()

    code, lines = ran("unit:never-built+vectors:never-built")
    assert (code, lines[-1]) == (1, "0 passed, 2 failed")
    assert ran("unit:never-built", "unit:never-built+units:test") == (1, [])


def test_a_configuration_without_programs_is_a_failure_and_not_an_empty_success():
    done = subprocess.run([sys.executable, suite.__file__, "unit:never-built"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "0 passed, 1 failed")


@pytest.fixture
def debian(tmp_path):
    """A Debian of our making: which packages it has, who asks, and what apt-get was told."""
    def make(installed, user="0", apt="exit 0"):
        tools = {"dpkg-query": f"case ' {installed} ' in *\" $4 \"*) echo 'installed ' ;; *) exit 1 ;; esac",
                 "id": f"echo {user}", "apt-get": f"echo \"$@\" >>{tmp_path}/told; {apt}"}
        for name, body in tools.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        done = subprocess.run([PACKAGES, "run"], capture_output=True, text=True,
                              env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
        told = tmp_path / "told"
        return done, told.read_text().splitlines() if told.exists() else []
    return make


def test_nothing_missing_is_silent(debian):
    done, told = debian("python3 ca-certificates")
    assert (done.returncode, done.stdout, done.stderr, told) == (0, "", "", [])


def test_only_what_is_missing_is_installed(debian):
    done, told = debian("python3")
    assert done.returncode == 0 and told == ["install -y --no-install-recommends ca-certificates"]


def test_the_lists_are_refreshed_only_when_installing_fails(debian):
    done, told = debian("python3", apt="[ $1 = update ] || [ $(wc -l <$(dirname $0)/told) -gt 1 ]")
    assert done.returncode == 0 and [line.split()[0] for line in told] == ["install", "update", "install"]


def test_without_root_the_command_is_said_and_nothing_is_done(debian):
    done, told = debian("python3", user="1000")
    assert done.returncode == 1 and told == []
    assert "sudo apt-get install -y --no-install-recommends ca-certificates" in done.stderr


def test_a_failed_installation_fails_and_shows_why(debian):
    done, _ = debian("python3", apt="echo no such package; exit 1")
    assert done.returncode == 1 and "no such package" in done.stderr
