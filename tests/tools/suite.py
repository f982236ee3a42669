#!/usr/bin/env python3
"""Runs the parts of the suite one after another and adds up what they found.

    suite.py unit:test pytest:release+ruby:release make:lint

Parts joined by a `+` run side by side. A part is a kind and what it works on, most often a build configuration (build/<name>):

    unit:<config>      every program in build/<config>/unit (cmocka, read as TAP)
    vectors:<config>   of these, the programs that read case files from tests/vectors
    replay:<config>    every fuzz target over the inputs kept in tests/fuzz/corpus
    valgrind:<config>  the programs under valgrind
    pytest:<config>    every test_*.py below tests/, with SEGMO_BUILD naming the build directory and SEGMO_PROGRAM its program
    integration:<config>  of these, the tests of the built program alone
    ruby:<config>      every tests/ruby/test_*.rb (minitest), with the same two variables
    make:<goal>        one goal of the Makefile, counted as one test

The last line is `N passed, N failed[, N skipped]`; the exit code is 1 when anything failed. A test
that cannot run says `not run: reason` and is counted as skipped. Output of what passes is not shown.
"""
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM_LIMIT_S = int(os.environ.get("SEGMO_TEST_LIMIT_S", "300"))
# For reads of what was never written; leaks are the address sanitizer's, which knows forked children.
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=no", "--fair-sched=yes"]


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass
class Ran:
    code: int
    output: str


def run(command, limit_s, **environment):
    """Runs a command in its own process group, so that a hanging one leaves nothing behind."""
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, text=True,
                               errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=limit_s)
        return Ran(process.returncode, output)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return Ran(124, f"{output}\nstopped: it ran longer than {limit_s} s\n")


def count_tap(ran):
    """Counts TAP lines; a program that dies, hangs or stops before its plan is a failure more."""
    skipped = len(re.findall(r"^(?:not )?ok \d+.*# SKIP", ran.output, re.M))
    passed = len(re.findall(r"^ok \d+(?!.*# SKIP)", ran.output, re.M))
    failed = len(re.findall(r"^not ok \d+(?!.*# SKIP)", ran.output, re.M))
    planned = sum(int(number) for number in re.findall(r"^1\.\.(\d+)$", ran.output, re.M))
    stopped_early = planned == 0 or planned != passed + failed + skipped
    if failed == 0 and (ran.code != 0 or stopped_early):
        failed = 1
    return Count(passed, failed, skipped)


def tap_program(path, prefix=()):
    ran = run([*prefix, str(path)], PROGRAM_LIMIT_S * (10 if prefix else 1), CMOCKA_MESSAGE_OUTPUT="TAP")
    count = count_tap(ran)
    cases = cases_of(path)
    show(path.relative_to(ROOT / "build"), count, ran, f" ({cases} case files)" if cases else "")
    return count


def show(name, count, ran, more=""):
    lines = [f"{str(name):<40} {count}{more}"]
    if count.failed:
        lines.append(f"{ran.output.rstrip()}\n(exit code {ran.code})")
    else:
        lines += re.findall(r"^not run: .*$", ran.output, re.M)
    print("\n".join(lines), flush=True)


def unit(config, prefix=(), wanted=lambda program: True):
    """Two at a time: most of them wait for a disk or a clock now and then."""
    built = (ROOT / "build" / config / "unit").glob("test_*")
    programs = sorted(path for path in built if source_of(path).exists() and wanted(path))
    if not programs:
        return nothing(f"build/{config}/unit holds no test: run `make CONFIG={config} test-programs`")
    with ThreadPoolExecutor(max_workers=2) as pool:
        return sum(pool.map(lambda path: tap_program(path, prefix), programs), Count())


def source_of(program):
    return ROOT / "tests/unit" / f"{program.name}.c"


def cases_of(program):
    """How many case files a program reads."""
    folders = set(re.findall(r'"tests/vectors/(\w+)', source_of(program).read_text()))
    return sum(len(list((ROOT / "tests/vectors" / folder).rglob("*.json"))) for folder in folders)


def vectors(config):
    return unit(config, wanted=cases_of)


def replay(config):
    """Each target counts as one test."""
    def target(source):
        ran = run([str(ROOT / "build" / config / "fuzz" / source.stem), f"tests/fuzz/corpus/{source.stem}"], PROGRAM_LIMIT_S)
        count = Count(passed=1) if ran.code == 0 else Count(failed=1)
        inputs = re.findall(r"^\d+ inputs$", ran.output, re.M)
        ran.output = ran.output[-4000:] # the last name is the input that ended it
        show(f"{config}/fuzz/{source.stem}", count, ran, f" ({inputs[-1]})" if inputs else "")
        return count

    with ThreadPoolExecutor(max_workers=2) as pool:
        return sum(pool.map(target, sorted((ROOT / "tests/fuzz").glob("*.c"))), Count())


def valgrind(config):
    """Without the crash tests, which kill at moments that are too early for a program this slow, without those whose
    threads wait for the lock of a file: valgrind stops the other threads during such a wait, for ever, and without
    those that repeat what other programs do many thousand times."""
    left_out = ("test_spool_crash", "test_dead_letters", "test_power_cuts", "test_kill_points",
                "test_spool_model", "test_faults",
                "test_client_power_cuts")
    print("\n".join(f"not run: {name} under valgrind (suite.py says why)" for name in left_out), flush=True)
    return unit(config, VALGRIND, lambda program: program.name not in left_out) + Count(skipped=len(left_out))


def nothing(words):
    print(f"failed: {words}", flush=True)
    return Count(failed=1)


def integration(config):
    return pytest(config, "tests/integration", "tests/differential")


def pytest(config, *folders):
    """Python's own output is shown as it comes; the counts come from its XML report."""
    report = ROOT / "build" / config / "pytest.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    for old in [report, *sanitizer_logs(report.parent)]:
        old.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}",
               "-o", f"cache_dir={report.parent}/pytest_cache", *(folders or ["tests"])]
    sanitizers = dict.fromkeys(("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"),
                               f"log_path={report.parent}/sanitizer")
    sanitizers["LSAN_OPTIONS"] = f"print_suppressions=0:suppressions={ROOT}/tests/tools/leaks.supp"
    environment = {**os.environ, **sanitizers, "SEGMO_BUILD": str(report.parent), "SEGMO_PROGRAM": str(report.parent / "segmo"),
                   "PYTHONDONTWRITEBYTECODE": "1"}
    code = show_lines(command, environment)
    count = count_junit(report) if report.exists() else Count()
    for log in sanitizer_logs(report.parent):
        print(f"{log.name}:\n{log.read_text(errors='replace')[:4000]}")
        count.failed += 1
    if code != 0 and count.failed == 0:
        count.failed = 1
    print(f"{f'{config}/pytest':<40} {count}", flush=True)
    return count


def show_lines(command, environment):
    """Whole lines only, so that a part that runs beside this one does not write into them."""
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
    return process.returncode


def sanitizer_logs(directory):
    """What a sanitizer found in a program that a test started, and perhaps killed before it could tell."""
    return sorted(directory.glob("sanitizer.*"))


def count_junit(report):
    suite = ElementTree.parse(report).getroot().find("testsuite")
    for skipped in suite.iter("skipped"):
        print("not run: " + skipped.get("message", "").removeprefix("not run: "))
    failed = int(suite.get("failures")) + int(suite.get("errors"))
    skips = int(suite.get("skipped"))
    return Count(int(suite.get("tests")) - failed - skips, failed, skips)


def count_minitest(ran):
    """Counts minitest's summary; a program that dies or hangs before it is a failure more."""
    found = re.search(r"^(\d+) runs, \d+ assertions, (\d+) failures, (\d+) errors, (\d+) skips", ran.output, re.M)
    if not found:
        return Count(failed=1)
    runs, failures, errors, skips = map(int, found.groups())
    failed = failures + errors
    if failed == 0 and (ran.code != 0 or runs == 0):
        failed = 1
    return Count(runs - failures - errors - skips, failed, skips)


def ruby(config):
    build = ROOT / "build" / config

    def program(path):
        ran = run([os.environ.get("RUBY", "ruby"), "-w", str(path), "--verbose"], PROGRAM_LIMIT_S,
                  SEGMO_TEST_BUILD=str(build))
        count = count_minitest(ran)
        show(path.relative_to(ROOT / "tests"), count, ran)
        return count

    with ThreadPoolExecutor(max_workers=2) as pool:
        return sum(pool.map(program, sorted((ROOT / "tests/ruby").glob("test_*.rb"))), Count())


def make(goal):
    ran = run(["make", goal], PROGRAM_LIMIT_S * 10)
    count = Count(passed=1) if ran.code == 0 else Count(failed=1)
    show(f"make {goal}", count, ran)
    return count


KINDS = {"integration": integration, "unit": unit, "valgrind": valgrind, "vectors": vectors, "replay": replay, "pytest": pytest, "ruby": ruby,
         "make": make}


def part(words):
    """What runs the part that the words name."""
    kind, _, subject = words.partition(":")
    if kind not in KINDS or not subject:
        sys.exit(f"suite.py: unknown part '{words}'{__doc__.partition('A part')[2]}")
    return lambda: KINDS[kind](subject)


def side_by_side(parts):
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        return sum(pool.map(lambda run_part: run_part(), parts), Count())


def main():
    # A shell ignores Ctrl-C for what it starts in the background; programs under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    steps = [[part(words) for words in step.split("+")] for step in sys.argv[1:]]
    total = sum(map(side_by_side, steps), Count())
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
