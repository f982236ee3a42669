"""What the binary interface may and may not do is noticed."""
import shutil
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).parent / "abi.sh"
HEADER = '#define SEGMO_VERSION "0.0.1"\n'

pytestmark = pytest.mark.skipif(not (shutil.which("abidw") and shutil.which("gcc")),
                                reason="not run: abigail-tools or gcc is not installed")


@pytest.fixture
def release(tmp_path):
    """A repository of our own whose last release had `segmo_a` and `segmo_b`; builds further libraries."""
    (tmp_path / "core/include").mkdir(parents=True)
    (tmp_path / "core/include/segmo.h").write_text(HEADER)
    (tmp_path / "tests/abi").mkdir(parents=True)
    tool = shutil.copy(TOOL, tmp_path / "tests/abi/abi.sh")

    def build(source):
        subprocess.run(["gcc", "-g", "-shared", "-fPIC", "-x", "c", "-o", tmp_path / "lib.so", "-"], input=source,
                       text=True, check=True)
        return tmp_path / "lib.so"

    def check(source):
        return subprocess.run([tool, "check", build(source)], capture_output=True, text=True).returncode

    subprocess.run([tool, "record", build("int segmo_a(void) { return 1; } int segmo_b(int x) { return x; }")],
                   check=True, stdout=subprocess.DEVNULL)
    return check


@pytest.mark.parametrize("source, code", [
    ("int segmo_a(void) { return 2; } int segmo_b(int x) { return -x; }", 0),
    ("int segmo_a(void) { return 1; } int segmo_b(int x) { return x; } int segmo_c(void) { return 3; }", 0),
    ("int segmo_a(void) { return 1; }", 1),
    ("int segmo_a(void) { return 1; } int segmo_b(const char *x) { return *x; }", 1),
    ("long segmo_a(void) { return 1; } int segmo_b(int x) { return x; }", 1)],
    ids=["the same", "one more", "one less", "another argument", "another answer"])
def test_only_additions_pass(release, source, code):
    assert release(source) == code
