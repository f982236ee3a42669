"""A program built against the header of the last recorded release runs on today's library."""
import pathlib
import shutil
import subprocess

import pytest

from harness import ENVIRONMENT, PROGRAM, ROOT, SANITIZED
from led_host import LedHost, to_both, tracks

LIBRARY = pathlib.Path(PROGRAM).parent / "libsegmo.so.1"


def git(*arguments):
    ran = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    return ran.stdout if ran.returncode == 0 else ""


@pytest.fixture
def old_host(tmp_path):
    """The host program as it was when the interface was recorded, linked with the library as it is."""
    if not shutil.which("git"):
        pytest.skip("not run: git is not installed")
    recorded = sorted((ROOT / "tests/abi").glob("libsegmo-*.abi"))[-1].relative_to(ROOT)
    commit = git("log", "-1", "--format=%H", "--", str(recorded)).strip()
    header, source = (git("show", f"{commit}:{name}") for name in ("core/include/segmo.h", "tests/integration/host.c"))
    if not header or not source:
        pytest.skip("not run: the sources of the last release are not in this repository's history")
    if SANITIZED:
        pytest.skip("not run: a plain program cannot load a library with a sanitizer in it")
    (tmp_path / "segmo.h").write_text(header)
    (tmp_path / "host.c").write_text(source)
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", f"-I{tmp_path}", "-o", tmp_path / "host", tmp_path / "host.c", LIBRARY], check=True)
    return tmp_path / "host"


def test_a_program_of_the_last_release_runs_on_this_library(old_host, processes, sandbox, tmp_path):
    environment = dict(ENVIRONMENT, LD_LIBRARY_PATH=str(LIBRARY.parent))
    host = processes(LedHost(program=old_host, env=environment))
    assert host.open(to_both(sandbox.url, sandbox.url, tmp_path / "spool")).ok
    host.put_all(tracks(50))
    assert host.put({"type": "track"})["status"] == "SEGMO_ERR_INVALID"
    assert host.flush().ok
    host.check_accounts(segment_delivered=50)
    assert host.close().ok
    assert sandbox.stats("segment")["unique"] == 50
    host.popen.stdin.close()
    assert host.wait() == 0
