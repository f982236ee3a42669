#!/usr/bin/env python3
"""The rules of the house that a compiler does not know. `make lint` runs them.

Each rule is a function that takes the repository's root and yields findings; test_lint.py shows for
each one that it fires. A rule whose tool is missing says `not run: reason`.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MAX_COLUMNS = 100
MAX_LINES = 600
MAX_TEST_LINES = 1000 # a list of cases may be longer than a thing that does something
HANDMADE_EXCEPTIONS = {"core/include/segmo.h"}  # the API with all its words is one file on purpose

# Who may include whom: a room may use itself, what is listed here, and segmo.h.
ROOMS = {
    "base": set(),
    "model": {"base"},
    "route": {"base", "model"},
    "wire": {"base", "model"},
    "spool": {"base", "model"},
    "deliver": {"base", "model"},
    "client": {"base", "model", "route", "wire", "spool", "deliver"},
    "api": {"base", "model", "route", "wire", "spool", "deliver", "client"},
    "support": {"base"},
    "service": {"base", "support"},
    "sandbox": {"base", "support"},
    "gateway": {"base", "support", "service"},
    "work": {"base", "support", "service"},
    "program": {"base", "support", "sandbox", "gateway", "work"},
}

# Foreign headers and the only places that may know them.
FOREIGN = [
    (r"curl/", ["core/src/deliver/http.c", "core/src/deliver/http_failure.", "core/src/deliver/http_url.c"]),
    (r"librdkafka/|rdkafka", ["core/src/deliver/kafka"]),
    (r"(?:cjson/)?cJSON", ["core/src/base/json.c"]),
    (r"libdeflate|zlib", ["core/src/deliver/compress.c", "core/program/"]),
    (r"microhttpd", ["core/program/"]),
]

BANNED = {
    "sprintf": "snprintf", "vsprintf": "vsnprintf", "strcpy": "memcpy with a length",
    "strncpy": "memcpy with a length", "strcat": "segmo__buf", "strncat": "segmo__buf",
    "strtok": "a span reader", "atoi": "strtol with a check", "atol": "strtol with a check",
    "atof": "strtod with a check", "gets": "a bounded read", "localtime": "gmtime_r",
    "gmtime": "gmtime_r", "rand": "base/id", "srand": "base/id",
    "strcasecmp": "a comparison that no locale changes",
    "strncasecmp": "a comparison that no locale changes",
}
MEMORY = ["malloc", "calloc", "realloc", "reallocarray", "aligned_alloc", "posix_memalign", "free",
          "strdup", "strndup", "asprintf", "vasprintf"]
HOST = {
    "printf": "prints", "vprintf": "prints", "puts": "prints", "putchar": "prints",
    "perror": "prints", "abort": "ends the host", "exit": "ends the host", "_exit": "ends the host",
    "assert": "ends the host", "signal": "takes the host's signals",
    "sigaction": "takes the host's signals",
}
WORDS = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME)\\b")
TEXT = {".c", ".h", ".py", ".rb", ".sh", ".md", ".in", ".map", ".js", ".css", ".html"}
CODE = {".c", ".h", ".py", ".rb", ".sh", ".js"}


class NotRun(Exception):
    """The rule cannot be checked here; the message says why."""


@dataclass
class Finding:
    path: str
    line: int
    words: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.words}" if self.line else f"{self.path}: {self.words}"


# ---- what the rules look at ----------------------------------------------------------------------

STAGED = "bindings/ruby/libsegmo/"  # the core's copy that a gem is built from


def files(root, suffixes, *folders):
    tops = [root / folder for folder in folders] if folders else [root]
    for path in sorted(path for top in tops for path in top.rglob("*")):
        parts, name = path.relative_to(root).parts, path.relative_to(root).as_posix()
        if path.suffix in suffixes and path.is_file() and parts[0] not in (".git", "build") \
                and "__pycache__" not in parts and not name.startswith(STAGED):
            yield path, name


def without_comments_and_strings(text):
    """The same text with comments and literals blanked, line by line."""
    pattern = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return re.sub(pattern, lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)


def calls(text, names):
    """(line, name) of every call of one of the names, declarations of others' members aside."""
    code = without_comments_and_strings(text)
    for found in re.finditer(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(", code):
        yield code.count("\n", 0, found.start()) + 1, found[1]


def room_of(name):
    """The room that a path of the repository belongs to, or None."""
    parts = name.split("/")
    if parts[:2] == ["core", "program"]:
        return parts[2] if len(parts) > 3 else "program"
    if parts[:2] == ["core", "src"]:
        return parts[2] if len(parts) > 3 else parts[2].partition(".")[0]
    return None


# ---- rules ---------------------------------------------------------------------------------------

def includes(root):
    """Arrows point down only: base <- model <- {route, wire, spool, deliver} <- client <- api, and, for the program,
    base <- support <- service <- {gateway, work} <- program."""
    for path, name in files(root, {".c", ".h"}, "core/src", "core/program"):
        room = room_of(name)
        if room not in ROOMS:
            yield Finding(name, 0, f"is in no room of the house ({', '.join(ROOMS)})")
            continue
        for number, line in enumerate(path.read_text().split("\n"), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            target = found and target_room(root, path, found[1])
            if target and target != room and target not in ROOMS[room]:
                yield Finding(name, number, f"{room} may not include {target} (\"{found[1]}\")")


def target_room(root, path, included):
    """Rooms are named from core/src and core/program; beside that a file may name its neighbours."""
    if included == "segmo.h":
        return None
    for house in ("core/src", "core/program"):
        if (root / house / included).exists():
            return room_of(f"{house}/{included}")
    beside = (path.parent / included).resolve()
    if beside.exists() and root.resolve() in beside.parents:
        return room_of(beside.relative_to(root.resolve()).as_posix())
    return included.partition("/")[0]


def foreign_headers(root):
    """Each library is known in one place."""
    for path, name in files(root, {".c", ".h"}, "core"):
        for number, line in enumerate(path.read_text().split("\n"), 1):
            found = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            for pattern, places in FOREIGN if found else []:
                if re.match(pattern, found[1]) and not name.startswith(tuple(places)):
                    yield Finding(name, number, f"{found[1]} belongs to {' and '.join(places)} only")


def banned_calls(root):
    """Calls that overflow, race, depend on a locale or fail without a word."""
    for path, name in files(root, {".c", ".h"}, "core", "tests"):
        for line, call in calls(path.read_text(), BANNED):
            yield Finding(name, line, f"{call} is banned: use {BANNED[call]}")


def secrets_compared(root):
    """How long a comparison with a secret takes must not tell how much of it was right. The sandbox has no secrets."""
    pattern = re.compile(r"\b(strcmp|strncmp|memcmp|segmo__slice_is)\s*\(([^;{]*?)\)\s*(?:[!=]=|[;,&|?)])", re.S)
    for path, name in files(root, {".c", ".h"}, "core"):
        if name.startswith("core/program/sandbox/"):
            continue
        code = without_comments_and_strings(path.read_text())
        for found in pattern.finditer(code):
            if re.search(r"\b\w*(?:write_key|secret|token|password|api_key)\b", found[2]):
                yield Finding(name, code.count("\n", 0, found.start()) + 1, f"{found[1]} on a secret: use segmo__same_secret")


def memory_calls(root):
    """Memory has one door, so that tests can make it run out at any place."""
    for path, name in files(root, {".c", ".h"}, "core"):
        if name != "core/src/base/mem.c":
            for line, call in calls(path.read_text(), MEMORY):
                yield Finding(name, line, f"{call} belongs to base/mem.c only: use segmo__{call} or its like")


def host_calls(root):
    """The library never prints, never ends the process and never takes its signals."""
    for path, name in files(root, {".c", ".h"}, "core/src"):
        for line, call in calls(path.read_text(), HOST):
            yield Finding(name, line, f"{call} {HOST[call]}: a library must not")
        code = without_comments_and_strings(path.read_text())
        for found in re.finditer(r"\b(stdout|stderr)\b", code):
            yield Finding(name, code.count("\n", 0, found.start()) + 1, f"{found[1]} belongs to the host")


def exported_names(root):
    """The shared library exports the header's functions; inside, every name has a segmo prefix."""
    library, archive = root / "build/release/libsegmo.so.1", root / "build/release/libsegmo.a"
    if not shutil.which("nm"):
        raise NotRun("nm is not installed")
    if not library.exists():
        raise NotRun("build/release/libsegmo.so.1 is not built")
    declared = set(re.findall(r"^\w[\w ]*?[ *]+(segmo_\w+)\(", (root / "core/include/segmo.h").read_text(), re.M))
    exported = {name for name in nm(library, "-D") if not name.startswith("SEGMO_")}
    for name in sorted(exported - declared):
        yield Finding("libsegmo.so.1", 0, f"exports {name}, which segmo.h does not declare")
    for name in sorted(declared - exported):
        yield Finding("libsegmo.so.1", 0, f"does not export {name}, which segmo.h declares")
    for name in sorted(nm(archive) - declared):
        if not name.startswith("segmo__"):
            yield Finding("libsegmo.a", 0, f"{name} is visible: make it static or name it segmo__<module>_<verb>")


def nm(path, *options):
    listed = subprocess.run(["nm", *options, "--defined-only", "--extern-only", "--format=posix", str(path)],
                            check=True, capture_output=True, text=True).stdout
    return {line.split()[0].partition("@")[0] for line in listed.split("\n") if len(line.split()) > 1}


def length(root):
    """A file that needs more than 600 lines holds more than one thing."""
    for path, name in files(root, CODE):
        lines = path.read_text().count("\n")
        limit = MAX_TEST_LINES if name.startswith("tests/") else MAX_LINES
        if lines > limit and name not in HANDMADE_EXCEPTIONS:
            yield Finding(name, 0, f"has {lines} lines, {limit} is the limit: split it where it has two jobs")


def opening(root):
    """A C file says first what it is; where a header of the same name does, once is enough."""
    for path, name in files(root, {".c", ".h"}, "core"):
        if path.read_text().startswith("/*") or path.with_suffix(".h") != path and path.with_suffix(".h").exists():
            continue
        yield Finding(name, 1, "starts without a comment that says what it is")


def white_space(root):
    """Nothing hidden: no trailing blanks, no tabs in C, one newline at the end, 100 columns in C."""
    for path, name in files(root, TEXT):
        text, is_table = path.read_text(), False
        for number, line in enumerate(text.split("\n"), 1):
            if "clang-format o" in line:  # between off and on stands a table, as wide as it needs to be
                is_table = "clang-format off" in line
            if line != line.rstrip():
                yield Finding(name, number, "has white space at the end of the line")
            if len(line) > MAX_COLUMNS and not is_table and path.suffix in (".c", ".h"):
                yield Finding(name, number, f"is longer than {MAX_COLUMNS} columns")
            if "\t" in line and path.suffix in (".c", ".h", ".py"):
                yield Finding(name, number, "has a tab")
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield Finding(name, 0, "must end with one newline")


def unfinished(root):
    """Open work belongs into an issue, not into a comment."""
    for path, name in files(root, TEXT):
        for number, line in enumerate(path.read_text().split("\n"), 1):
            found = WORDS.search(line)
            if found:
                yield Finding(name, number, f"{found[1]}: do it, or open an issue")


def header(root):
    """segmo.h compiles without a warning wherever a C or C++ program may include it."""
    compilers = [("gcc", "c99"), ("gcc", "c11"), ("clang", "c99"), ("clang", "c11"),
                 ("g++", "c++11"), ("clang++", "c++11")]
    missing = sorted({name for name, _ in compilers if not shutil.which(name)})
    for name, standard in compilers:
        if name not in missing:
            yield from compile_header(root, name, standard)
    if missing:
        raise NotRun(f"segmo.h was not compiled with {', '.join(missing)}: not installed")


def compile_header(root, name, standard):
    language = "c++" if "++" in standard else "c"
    done = subprocess.run([name, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                           "-fsyntax-only", "-x", language, f"-I{root}/core/include", "-"],
                          input="#include <segmo.h>\n#include <segmo.h>\n", text=True,
                          capture_output=True)
    if done.returncode:
        yield Finding("core/include/segmo.h", 0, f"{name} -std={standard}: {done.stderr.strip()}")


def formatting(root):
    """clang-format decides about blanks and braces, so that nobody else has to."""
    if not shutil.which("clang-format"):
        raise NotRun("clang-format is not installed")
    listed = [str(path) for path, name in files(root, {".c", ".h"}, "bindings", "core", "tests")]
    if not listed:
        return
    done = subprocess.run(["clang-format", "--dry-run", "--ferror-limit=1", *listed], text=True,
                          cwd=root, capture_output=True)
    for found in sorted(set(re.findall(r"^(\S+?):(\d+):\d+: (?:warning|error): code should be", done.stderr, re.M))):
        name = Path(found[0]).resolve().relative_to(root.resolve()).as_posix()
        yield Finding(name, int(found[1]), "is not formatted: run `make format`")


def types(root):
    """The Python package and its examples are typed to the last function."""
    if not importlib.util.find_spec("mypy"):
        raise NotRun("python3-mypy is not installed")
    package = root / "bindings/python/segmo"
    if not package.exists():
        return
    examples = sorted(str(path) for path in (root / "docs/examples/python").rglob("*.py"))
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--python-version", "3.9", "--ignore-missing-imports",
                           "--cache-dir", root / "build/mypy", package, *examples], text=True, capture_output=True,
                          cwd=root, env={**os.environ, "MYPYPATH": str(package.parent)})
    if done.returncode:
        for line in (done.stdout + done.stderr).splitlines():
            yield Finding("mypy --strict", 0, line)


RULES = [includes, foreign_headers, banned_calls, secrets_compared, memory_calls, host_calls, exported_names, length,
         opening, white_space, unfinished, header, formatting, types]


def main():
    root = Path(__file__).resolve().parent.parent.parent
    found = 0
    for rule in RULES:
        try:
            for finding in rule(root):
                found += 1
                print(finding)
        except NotRun as reason:
            print(f"not run: {reason}")
    print(f"lint: {found} findings, {len(RULES)} rules")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
