"""The package installs as the README says: with the library inside, or against an installed one, offline."""
import subprocess

import pytest
from conftest import ROOT
from harness import ENVIRONMENT

OFFLINE = {**ENVIRONMENT, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONPATH": ""}
SEND = """
import segmo, sys
with segmo.Client() as client:
    client.track("u-1", "Lamp Lit")
print(segmo.__file__, segmo.__version__)
"""


def run(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300, cwd=ROOT,
                          env={**OFFLINE, **more})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def venv(tmp_path):
    """A virtual environment that sees Debian's cffi and setuptools and nothing of the network."""
    run("/usr/bin/python3", "-m", "venv", "--system-site-packages", "--without-pip", tmp_path / "venv")
    return tmp_path / "venv"


def test_install_from_the_root(venv, environment, sandbox):
    run(venv / "bin/python", "-m", "pip", "install", "-q", "--no-build-isolation", ".")
    told = subprocess.run([venv / "bin/python", "-c", SEND], capture_output=True, text=True, cwd=venv,
                          env={**environment, "PYTHONPATH": ""}, timeout=60)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(str(venv))
    assert sandbox.stats("segment")["unique"] == 1


def test_install_against_an_installed_library(venv, environment, sandbox, tmp_path):
    prefix = tmp_path / "prefix"
    run("make", "-s", "install", f"PREFIX={prefix}", MAKELEVEL="0", MAKEFLAGS="")
    run(venv / "bin/python", "-m", "pip", "install", "-q", "--no-build-isolation", ".", SEGMO_SYSTEM="1",
        PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
    environment = {**environment, "PYTHONPATH": "", "LD_LIBRARY_PATH": f"{prefix}/lib"}
    told = subprocess.run([venv / "bin/python", "-c", SEND], capture_output=True, text=True, cwd=venv,
                          env=environment, timeout=60)
    assert told.returncode == 0, told.stderr
    assert sandbox.stats("segment")["unique"] == 1
    extension = next((venv / "lib").glob("python3*/site-packages/segmo/_native*.so"))
    assert "libsegmo.so.1" in run("ldd", extension, LD_LIBRARY_PATH=f"{prefix}/lib")


def test_the_library_inside_shows_no_symbols(package):
    """So that it never mixes with a libsegmo that the process has loaded as well."""
    extension = next((ROOT / "build/python/lib/segmo").glob("_native*.so"))
    shown = [line.split()[-1] for line in run("nm", "-D", "--defined-only", extension).splitlines()]
    assert sorted(shown) == ["PyInit__hot", "PyInit__native"]


def test_the_package_is_one_for_every_python_3(package):
    assert [path.name for path in (ROOT / "build/python/lib/segmo").glob("_native*.so")] == ["_native.abi3.so"]


def test_importing_loads_no_framework(run_python):
    done = run_python("import sys, segmo; print(sorted({'asyncio', 'django', 'numpy', 'ctypes', 'ssl'} & set(sys.modules)))")
    assert done.stdout == "[]\n", done.stderr
