"""What the pages show is what happens: their snippets are built and run as a reader would.

Marks behind the language of a fenced block:
    file=NAME   the block is saved under that name
    run         the block is run by bash
    output      (text) each line must come out of the blocks run so far, in order; `...` stands for anything
Blocks of a page share one directory, in the order of the page. The sandbox's port 8099 becomes a free one.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("SEGMO_BUILD", ROOT / "build/release"))
FENCE = re.compile(r"^```(\w+)((?: [\w=.]+)*)\n(.*?)^```$", re.M | re.S)
LIMIT_S = 120


def pages():
    listed = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in listed if "\n```sh run\n" in path.read_text()]


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """What `make install` installs, so that the snippets find it as a reader's machine does."""
    if BUILD.name != "release":
        pytest.skip(f"not run: snippets are compiled against the release build, not {BUILD.name}")
    prefix = tmp_path_factory.mktemp("installed")
    subprocess.run(["make", "-s", "install", f"PREFIX={prefix}"], cwd=ROOT, check=True, timeout=LIMIT_S,
                   env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}, stdout=subprocess.DEVNULL)
    return prefix


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def environment(prefix, home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGMO_")}
    return {**kept, "HOME": str(home), "PATH": f"{prefix}/bin:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": f"{prefix}/lib", "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig",
            "PYTHONPATH": str(ROOT / "build/python/lib"), "RUBYLIB": str(ROOT / "bindings/ruby/lib")}


def script_of(page, directory):
    """The page as one bash script; an `output` block becomes a marker that divides what came out."""
    lines, expected = ["set -euo pipefail"], []
    for language, marks, body in FENCE.findall(page):
        marks = marks.split()
        saved = next((mark[5:] for mark in marks if mark.startswith("file=")), None)
        if saved:
            (directory / saved).write_text(body)
        elif "run" in marks:
            assert language == "sh", f"only sh blocks can be run, not {language}"
            lines.append(body)
        elif "output" in marks:
            expected.append(body.rstrip("\n").split("\n"))
    return "\n".join(lines), expected


def matches(line, pattern):
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("...")), line) is not None


def missing_line(expected, output):
    """The first expected line that the output lacks, in order; None when all are there."""
    lines = iter(output.split("\n"))
    for pattern in expected:
        if not any(matches(line, pattern) for line in lines):
            return pattern
    return None


def run(script, directory, env):
    process = subprocess.Popen(["bash", "-c", script], cwd=directory, env=env, text=True, errors="replace",
                               stdout=open(directory / ".output", "w"), stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        code = process.wait(timeout=LIMIT_S)
    finally:
        stop_group(process)
    return code, (directory / ".output").read_text(errors="replace")


def stop_group(process):
    """The sandbox that a page starts in the background ends with it."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_snippets_of_a_page_work(path, installed, tmp_path):
    for tool in ("curl", "pkg-config", "cc", "ruby"):
        if tool in path.read_text() and not shutil.which(tool):
            pytest.skip(f"not run: {tool} is not installed")
    page = path.read_text().replace("8099", free_port())
    script, expected = script_of(page, tmp_path)
    code, output = run(script, tmp_path, environment(installed, tmp_path))
    assert code == 0, f"{path.name}: exit code {code}\n{output}"
    for block in expected:
        lacking = missing_line(block, output)
        assert lacking is None, f"{path.name}: no line is like: {lacking}\n{output}"


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))],
                         ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_or_heading_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, heading = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name} links to {target}, which is not there"
        if heading:
            assert heading in headings(file.read_text()), f"{path.name} links to {target}: no such heading"


def headings(text):
    """Headings as GitHub names them."""
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_a_line_that_does_not_come_out_is_noticed():
    assert missing_line(["a...c", "d"], "abc\nx\nd") is None
    assert missing_line(["d", "a...c"], "abc\nx\nd") == "a...c"
    assert missing_line(["gone"], "here") == "gone"


def test_a_page_whose_snippet_fails_is_noticed(tmp_path):
    script, _ = script_of("```sh run\ntrue\n```\n\n```sh run\nfalse\n```\n", tmp_path)
    assert run(script, tmp_path, dict(os.environ))[0] == 1
