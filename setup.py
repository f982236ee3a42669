"""Builds the Python package: `pip install .`

The core is compiled into the extension, by the Makefile and with its flags. SEGMO_SYSTEM=1 links an
installed libsegmo instead. Nothing is downloaded when cffi and setuptools are there:

    python3 -m venv --system-site-packages venv
    venv/bin/pip install --no-build-isolation .
"""
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
CONFIG = os.environ.get("CONFIG", "release")
CORE = f"build/{CONFIG}/libsegmo.a"
OLDEST_PYTHON = "0x03090000"  # whose limited API serves every later one


def version():
    return re.search(r'^#define SEGMO_VERSION *"(.+)"', (ROOT / "core/include/segmo.h").read_text(), re.M)[1]


def answer_of(*command):
    inner_make = {"MAKELEVEL": "1", "MAKEFLAGS": f"-j{os.cpu_count() or 1} --no-print-directory"}
    try:
        return shlex.split(subprocess.run(command, cwd=ROOT, env={**os.environ, **inner_make}, check=True,
                                          stdout=subprocess.PIPE, text=True).stdout)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"setup.py: {' '.join(command)}: {error}. Building segmo needs make, gcc, pkg-config, libcurl and "
                 f"cJSON; on Debian: tests/tools/packages.sh build python")


def use_system_library(extension):
    extension.extra_compile_args += answer_of("pkg-config", "--cflags", "segmo")
    extension.extra_link_args += answer_of("pkg-config", "--libs", "segmo")


def build_core_in(extension):
    answer_of("make", "-s", f"CONFIG={CONFIG}", "static-library")
    extension.include_dirs.append("core/include")
    extension.extra_objects.append(CORE)
    if sys.platform != "darwin":  # so that the copy inside never mixes with a libsegmo of the process
        extension.extra_link_args += ["-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now"]
    extension.extra_link_args += answer_of("make", "-s", f"CONFIG={CONFIG}", "print-libs")


class BuildWithCore(build_ext):
    def finalize_options(self):
        super().finalize_options()
        self.force = True  # what is left of a build with another SEGMO_SYSTEM or CONFIG looks up to date

    def build_extension(self, extension):
        extension.define_macros.append(("Py_LIMITED_API", OLDEST_PYTHON))
        extension.extra_compile_args.append("-fvisibility=hidden")
        if os.environ.get("SEGMO_SYSTEM") == "1":
            use_system_library(extension)
        else:
            build_core_in(extension)
        super().build_extension(extension)


if sysconfig.get_config_var("Py_GIL_DISABLED"):
    sys.exit("setup.py: segmo does not support free-threaded Python, whose builds have no limited API; use one with the GIL")

setup(
    name="segmo",
    version=version(),
    description="Carries server-side events to Segment and MoEngage without losing one",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9",
    package_dir={"": "bindings/python"},
    packages=find_packages("bindings/python", include=["segmo", "segmo.*"]),
    package_data={"segmo": ["py.typed", "*.pyi"]},
    cffi_modules=["bindings/python/native/build.py:ffi"],
    setup_requires=["cffi>=1.15"],
    install_requires=["cffi>=1.15"],
    entry_points={"pytest11": ["segmo = segmo.pytest_plugin"]},
    extras_require={"fast": ["orjson>=3.6"]},
    cmdclass={"build_ext": BuildWithCore},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
    zip_safe=False,
)
