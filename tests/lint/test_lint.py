"""Each lint rule fires on the smallest tree that breaks it, and keeps quiet where nothing is wrong."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import lint  # noqa: E402


@pytest.fixture
def plant(tmp_path):
    """Writes files into an empty repository and answers its root."""
    def write(contents):
        for name, text in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path
    return write


def findings(rule, root):
    return [str(finding) for finding in rule(root)]


HEADERS = {f"core/src/{room}/{room}_part.h": "/* a part */\n"
           for room in ("base", "model", "route", "wire", "spool", "deliver", "client")}
UPWARDS = [("base", "model"), ("base", "client"), ("model", "route"), ("model", "spool"), ("route", "wire"),
           ("wire", "route"), ("spool", "deliver"), ("deliver", "spool"), ("wire", "client"), ("model", "client")]
DOWNWARDS = [("model", "base"), ("route", "model"), ("spool", "base"), ("client", "deliver"), ("client", "base")]


@pytest.mark.parametrize("room, other", UPWARDS)
def test_an_arrow_that_points_up_or_sideways_is_found(plant, room, other):
    root = plant({**HEADERS, f"core/src/{room}/x.c": f'#include "{other}/{other}_part.h"\n'})
    assert findings(lint.includes, root) == [
        f'core/src/{room}/x.c:1: {room} may not include {other} ("{other}/{other}_part.h")']


@pytest.mark.parametrize("room, other", DOWNWARDS)
def test_an_arrow_that_points_down_is_fine(plant, room, other):
    assert not findings(lint.includes, plant({**HEADERS,
                        f"core/src/{room}/x.c": f'#include "{other}/{other}_part.h"\n#include "segmo.h"\n'}))


def test_the_program_may_use_base_and_nothing_deeper(plant):
    root = plant({**HEADERS, "core/program/sandbox/own.h": "/* */\n",
                  "core/program/main.c": '#include "sandbox/own.h"\n#include "base/base_part.h"\n#include "spool/spool_part.h"\n'})
    assert findings(lint.includes, root) == [
        'core/program/main.c:3: program may not include spool ("spool/spool_part.h")']


def test_the_programs_rooms_stand_on_one_another(plant):
    root = plant({"core/program/gateway/gateway.h": "/* */\n", "core/program/service/listen.h": "/* */\n",
                  "core/program/gateway/gateway.c": '#include "service/listen.h"\n',
                  "core/program/work/work.c": '#include "gateway/gateway.h"\n',
                  "core/program/service/listen.c": '#include "gateway/gateway.h"\n'})
    assert findings(lint.includes, root) == [
        'core/program/service/listen.c:1: service may not include gateway ("gateway/gateway.h")',
        'core/program/work/work.c:1: work may not include gateway ("gateway/gateway.h")']


def test_an_arrow_written_as_a_relative_path_is_found(plant):
    root = plant({**HEADERS, "core/src/wire/x.c": '#include "../route/route_part.h"\n'})
    assert len(findings(lint.includes, root)) == 1


def test_a_file_outside_every_room_is_found(plant):
    assert len(findings(lint.includes, plant({"core/src/misc/x.c": "/* */\n"}))) == 1


@pytest.mark.parametrize("include", ["<curl/curl.h>", "<librdkafka/rdkafka.h>", "<cJSON.h>", "<cjson/cJSON.h>",
                                     "<libdeflate.h>", "<zlib.h>", "<microhttpd.h>"])
def test_a_foreign_header_outside_its_place_is_found(plant, include):
    root = plant({"core/src/client/x.c": f"#include {include}\n"})
    assert len(findings(lint.foreign_headers, root)) == 1


@pytest.mark.parametrize("include, place", [("<curl/curl.h>", "core/src/deliver/http.c"), ("<cJSON.h>", "core/src/base/json.c"),
                                            ("<zlib.h>", "core/src/deliver/compress.c"),
                                            ("<microhttpd.h>", "core/program/sandbox/server.c")])
def test_a_foreign_header_in_its_place_is_fine(plant, include, place):
    assert not findings(lint.foreign_headers, plant({place: f"#include {include}\n"}))


@pytest.mark.parametrize("name", sorted(lint.BANNED))
def test_a_banned_call_is_found(plant, name):
    root = plant({"core/src/base/x.c": f"int f(void)\n{{\n    return {name} (0);\n}}\n"})
    assert [words.partition(" is banned")[0] for words in findings(lint.banned_calls, root)] == [
        f"core/src/base/x.c:3: {name}"]


@pytest.mark.parametrize("line", ["if (strcmp(source->write_key, name) == 0)", "return memcmp(text.at, secret, len) == 0;",
                                  "x = segmo__slice_is(name, settings->api_key) && y;"])
def test_a_comparison_that_stops_at_the_first_wrong_byte_of_a_secret_is_found(plant, line):
    root = plant({"core/src/route/a.c": "void f(void)\n{\n    %s\n}\n" % line})
    assert len(findings(lint.secrets_compared, root)) == 1


def test_other_comparisons_are_fine(plant):
    root = plant({"core/src/route/a.c": 'int x = strcmp(name, "write_key") == 0 && segmo__same_secret(a->write_key, b);\n'})
    assert not findings(lint.secrets_compared, root)


def test_a_banned_name_in_a_comment_a_text_or_a_longer_name_is_fine(plant):
    root = plant({"core/src/base/x.c": '/* strcpy(a, b) */\nchar *a = "gets(";\nint n = gmtime_r(0), m = my_rand(1);\n'})
    assert not findings(lint.banned_calls, root)


@pytest.mark.parametrize("name", lint.MEMORY)
def test_raw_memory_is_found_outside_its_door(plant, name):
    text = f"void *p = {name}(1);\n"
    root = plant({"core/src/spool/x.c": text, "core/program/x.c": text, "core/src/base/mem.c": text})
    assert [words.partition(":")[0] for words in findings(lint.memory_calls, root)] == [
        "core/program/x.c", "core/src/spool/x.c"]


def test_our_own_free_and_a_member_called_free_are_fine(plant):
    assert not findings(lint.memory_calls, plant({"core/src/base/x.c": "segmo__free(p);\nops->free(p);\nops.free(p);\n"}))


@pytest.mark.parametrize("name", sorted(lint.HOST))
def test_a_library_that_acts_for_its_host_is_found(plant, name):
    text = f"void f(void)\n{{\n    {name}(1);\n}}\n"
    root = plant({"core/src/base/x.c": text, "core/program/main.c": text})
    assert [words.partition(":")[0] for words in findings(lint.host_calls, root)] == ["core/src/base/x.c"]


def test_the_hosts_streams_are_found(plant):
    assert len(findings(lint.host_calls, plant({"core/src/base/x.c": 'fputs("x", stderr);\n'}))) == 1


@pytest.mark.skipif(not shutil.which("gcc"), reason="not run: gcc is not installed")
def test_a_name_that_leaks_or_is_missing_is_found(plant):
    root = plant({"core/include/segmo.h": "int segmo_here(void);\nint segmo_missing(void);\n",
                  "build/release/x.c": "int segmo_here(void) { return 0; }\nint segmo__inside(void) { return 0; }\n"
                                       "int stray(void) { return 0; }\n"})
    build = root / "build/release"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", build / "libsegmo.so.1", build / "x.c"], check=True)
    subprocess.run(["gcc", "-c", "-o", build / "x.o", build / "x.c"], check=True)
    subprocess.run(["ar", "rcs", build / "libsegmo.a", build / "x.o"], check=True)
    assert findings(lint.exported_names, root) == [
        "libsegmo.so.1: exports segmo__inside, which segmo.h does not declare",
        "libsegmo.so.1: exports stray, which segmo.h does not declare",
        "libsegmo.so.1: does not export segmo_missing, which segmo.h declares",
        "libsegmo.a: stray is visible: make it static or name it segmo__<module>_<verb>"]


def test_a_library_that_is_not_built_is_said_and_not_passed_over(plant):
    with pytest.raises(lint.NotRun):
        findings(lint.exported_names, plant({}))


def test_a_long_file_is_found(plant):
    root = plant({"core/src/base/long.c": "\n" * 601, "core/src/base/fits.c": "\n" * 600})
    assert len(findings(lint.length, root)) == 1


def test_a_c_file_that_does_not_say_what_it_is_is_found(plant):
    root = plant({"core/src/base/x.h": "int a;\n", "core/src/base/y.c": "int a;\n", "core/src/base/x.c": "int b;\n",
                  "core/src/base/z.c": "/* z: what it is */\n"})
    assert [words.partition(":")[0] for words in findings(lint.opening, root)] == [
        "core/src/base/x.h", "core/src/base/y.c"]


@pytest.mark.parametrize("text", ["int a; \n", "\tint a;\n", "int a;", "int a;\n\n", "/*" + 97 * "x" + "*/\n"])
def test_invisible_white_space_is_found(plant, text):
    assert len(findings(lint.white_space, plant({"core/src/base/x.c": text}))) == 1


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME"])
def test_unfinished_work_is_found(plant, word):
    assert len(findings(lint.unfinished, plant({"docs/x.md": f"{word}: later\n"}))) == 1


@pytest.mark.skipif(not shutil.which("gcc"), reason="not run: gcc is not installed")
@pytest.mark.parametrize("text", ["int segmo_a();\nint segmo_b(int bool x);\n", "enum { A, };\nlong long b;\nint c(void) { int x; }\n"])
def test_a_header_that_warns_is_found(plant, text):
    root = plant({"core/include/segmo.h": text})
    assert list(lint.compile_header(root, "gcc", "c99"))


@pytest.mark.skipif(not shutil.which("clang-format"), reason="not run: clang-format is not installed")
def test_a_badly_formatted_file_is_found(plant):
    style = (Path(__file__).resolve().parent.parent.parent / ".clang-format").read_text()
    root = plant({".clang-format": style, "core/src/base/x.c": "int   a;\n", "core/src/base/y.c": "int a;\n"})
    assert findings(lint.formatting, root) == ["core/src/base/x.c:1: is not formatted: run `make format`"]
