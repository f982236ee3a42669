"""What was built against the last recorded release runs on today's library: a C program, Python's extension, Ruby's
declarations."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import ENVIRONMENT, PROGRAM, ROOT, SANITIZED
from led_host import LedHost, to_both, tracks

LIBRARY = pathlib.Path(PROGRAM).parent / "libsegmo.so.1"
RUBY = os.environ.get("RUBY", "/usr/bin/ruby")
ON_TODAYS_LIBRARY = dict(ENVIRONMENT, LD_LIBRARY_PATH=str(LIBRARY.parent), SEGMO_LIB=str(LIBRARY))


def git(*arguments):
    ran = subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True)
    return ran.stdout if ran.returncode == 0 else ""


@pytest.fixture
def release(tmp_path):
    """A directory with segmo.h and the host program's source as they were when the interface was recorded."""
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
    return tmp_path


DECLARE = """
import emit_cffi, emit_ruby, generate
api = generate.parse(open("segmo.h").read())
open("release.cdef", "w").write(emit_cffi.declarations(api))
open("native.rb", "w").write(emit_ruby.native(api))
"""


@pytest.fixture
def declared(release):
    """The same directory, with the declarations that the packages would have been built from."""
    subprocess.run([sys.executable, "-c", DECLARE], cwd=release, env=dict(ENVIRONMENT, PYTHONPATH=str(ROOT / "bindings")), check=True)
    return release


def test_a_program_of_the_last_release_runs_on_this_library(release, processes, sandbox):
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", f"-I{release}", "-o", release / "host", release / "host.c", LIBRARY], check=True)
    host = processes(LedHost(program=release / "host", env=ON_TODAYS_LIBRARY))
    assert host.open(to_both(sandbox.url, sandbox.url, release / "spool")).ok
    host.put_all(tracks(50))
    assert host.put({"type": "track"})["status"] == "SEGMO_ERR_INVALID"
    assert host.flush().ok
    host.check_accounts(segment_delivered=50)
    assert host.close().ok
    assert sandbox.stats("segment")["unique"] == 50
    host.popen.stdin.close()
    assert host.wait() == 0


BUILD = """
import cffi, sys
ffi = cffi.FFI()
ffi.cdef(open("release.cdef").read())
ffi.set_source("release", "#include <segmo.h>", include_dirs=["."], extra_link_args=[sys.argv[1]])
ffi.compile()
"""

PYTHON = """
import json, sys
from release import ffi, lib

def text(words):
    return ffi.string(words).decode() if words else ""

def call(function, *arguments):
    error = ffi.new("segmo_error **")
    status = function(*arguments, error)
    said = {"status": text(lib.segmo_status_name(status)), "message": text(lib.segmo_error_message(error[0])) if error[0] else ""}
    lib.segmo_error_free(error[0])
    return said

given, said = json.load(sys.stdin), {}
config, client = ffi.new("segmo_config **"), ffi.new("segmo_client **")
call(lib.segmo_config_new, config)
for name, value in given["options"].items():
    call(lib.segmo_config_set, config[0], name.encode(), value.encode())
said["open"] = call(lib.segmo_client_open, client, config[0])
for message in given["messages"]:
    body = json.dumps(message).encode()
    said["put"] = call(lib.segmo_client_enqueue, client[0], ffi.NULL, body, len(body))
said["bad"] = call(lib.segmo_client_enqueue, client[0], ffi.NULL, b"{}", 2)
said["flush"] = call(lib.segmo_client_flush, client[0], 20000)
stats, length = ffi.new("char **"), ffi.new("size_t *")
call(lib.segmo_client_stats_json, client[0], stats, length)
said["stats"] = json.loads(ffi.buffer(stats[0], length[0])[:])
lib.segmo_free(stats[0])
said["close"] = call(lib.segmo_client_close, client[0], 5000)
lib.segmo_client_free(client[0])
lib.segmo_config_free(config[0])
said["abi"] = lib.segmo_abi_version() == lib.SEGMO_ABI_VERSION
print(json.dumps(said))
"""

RUBY_PROGRAM = """
require "json"; require "ffi"; require "segmo/library"; require_relative "native"
N = Segmo::Native

def call(function, *arguments)
  error = FFI::MemoryPointer.new(:pointer)
  status = N.public_send(function, *arguments, error)
  failed = error.read_pointer
  said = { status: N.segmo_status_name(status), message: failed.null? ? "" : N.segmo_error_message(failed) }
  N.segmo_error_free(failed)
  said
end

given, said = JSON.parse($stdin.read), {}
config, client = FFI::MemoryPointer.new(:pointer), FFI::MemoryPointer.new(:pointer)
call(:segmo_config_new, config)
given["options"].each { |name, value| call(:segmo_config_set, config.read_pointer, name, value) }
said[:open] = call(:segmo_client_open, client, config.read_pointer)
client = client.read_pointer
given["messages"].each do |message|
  body = JSON.generate(message)
  said[:put] = call(:segmo_client_enqueue, client, nil, body, body.bytesize)
end
said[:bad] = call(:segmo_client_enqueue, client, nil, "{}", 2)
said[:flush] = call(:segmo_client_flush, client, 20_000)
stats, length = FFI::MemoryPointer.new(:pointer), FFI::MemoryPointer.new(:size_t)
call(:segmo_client_stats_json, client, stats, length)
said[:stats] = JSON.parse(stats.read_pointer.read_bytes(length.read(:size_t)))
N.segmo_free(stats.read_pointer)
said[:close] = call(:segmo_client_close, client, 5000)
N.segmo_client_free(client)
N.segmo_config_free(config.read_pointer)
said[:abi] = N.segmo_abi_version == N::ABI_VERSION
puts JSON.generate(said)
"""


def converse(command, directory, sandbox):
    """What the program at the other end of `command` was told, call by call."""
    options = {name: str(value) for name, value in to_both(sandbox.url, sandbox.url, directory / "spool").items()}
    ran = subprocess.run(command, input=json.dumps({"options": options, "messages": tracks(50)}), env=ON_TODAYS_LIBRARY, cwd=directory,
                         text=True, capture_output=True, timeout=100)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert {said[name]["status"] for name in ("open", "put", "flush", "close")} == {"SEGMO_OK"}, said
    assert said["bad"]["status"] == "SEGMO_ERR_INVALID" and "type" in said["bad"]["message"]
    assert said["stats"]["destinations"]["segment"]["delivered"] == 50
    assert said["abi"]
    assert sandbox.stats("segment")["unique"] == 50


def test_pythons_extension_of_the_last_release_runs_on_this_library(declared, sandbox):
    pytest.importorskip("cffi", reason="not run: cffi is not installed")
    subprocess.run([sys.executable, "-c", BUILD, str(LIBRARY)], cwd=declared, check=True, capture_output=True)
    converse([sys.executable, "-c", PYTHON], declared, sandbox)


def test_rubys_declarations_of_the_last_release_run_on_this_library(declared, sandbox):
    if not shutil.which(RUBY) or subprocess.run([RUBY, "-e", "require 'ffi'"], capture_output=True).returncode != 0:
        pytest.skip("not run: Ruby or its ffi is not installed")
    (declared / "program.rb").write_text(RUBY_PROGRAM)
    converse([RUBY, "-W", "-I", ROOT / "bindings/ruby/lib", declared / "program.rb"], declared, sandbox)
