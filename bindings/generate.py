#!/usr/bin/env python3
"""Everything that is made from core/include/segmo.h, the one description of the API.

    generate.py           writes core/libsegmo.map, docs/reference/c-api.md and the packages' declarations
    generate.py --check   fails when one of them is not what would be written

A declaration that lacks its words, @thread or @since is refused: nobody should have to guess who
owns a pointer or which thread may call. `parse` answers plain data (functions, their parameters
and tags, enums, constants), from which bindings can make their own declarations.
"""
import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import emit_cffi
import emit_ruby

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "core/include/segmo.h"
TAG = re.compile(r"^@(\w+)[ \t]*(.*)$")
FUNCTION = re.compile(r"^(?P<type>\w[\w ]*?[ *]+)(?P<name>segmo_\w+)\((?P<parameters>[^;]*)\);", re.S | re.M)


class Refused(Exception):
    """The header breaks a rule; the message names the line, the cause and the remedy."""


@dataclass
class Parameter:
    type: str
    name: str


@dataclass
class Function:
    name: str
    returns: str
    parameters: list
    words: str
    tags: dict
    section: str
    line: int

    @property
    def blocking(self):
        return "blocking" in self.tags

    @property
    def declaration(self):
        inside = ", ".join(join(p.type, p.name) for p in self.parameters) or "void"
        return f"{join(self.returns, self.name)}({inside});"


@dataclass
class Enum:
    name: str
    words: str
    members: list  # (name, number, words)


@dataclass
class Api:
    functions: list = field(default_factory=list)
    enums: list = field(default_factory=list)
    types: list = field(default_factory=list)
    constants: list = field(default_factory=list)  # (name, text)


def join(type_, name):
    return f"{type_}{name}" if type_.endswith("*") else f"{type_} {name}"


def parse(text):
    """The header as data; raises Refused for a declaration that a reader could not rely on."""
    api = Api()
    api.types = re.findall(r"^typedef struct (\w+) \1;", text, re.M)
    api.constants = re.findall(r"^#define (SEGMO_\w+)[ \t]+(\S.*)$", text, re.M)
    api.enums = [parse_enum(found) for found in re.finditer(
        r"/\* (?P<words>[^*]*?) \*/\ntypedef enum (?P<name>\w+) \{(?P<body>.*?)\}", text, re.S)]
    for found in FUNCTION.finditer(text):
        api.functions.append(parse_function(text, found))
    check_all_understood(text, api)
    return api


def parse_enum(found):
    members = re.findall(r"(\w+) = (-?\d+),?\s*(?:/\*\s*(.*?)\s*\*/)?", found["body"])
    return Enum(found["name"], one_line(found["words"]),
                [(name, int(number), words) for name, number, words in members])


def parse_function(text, found):
    line = text.count("\n", 0, found.start()) + 1
    words, tags = parse_comment(comment_before(text, found.start()), found["name"], line)
    function = Function(found["name"], found["type"].strip(), parse_parameters(found["parameters"]),
                        words, tags, section_before(text, found.start()), line)
    check_tags(function)
    return function


def comment_before(text, start):
    found = re.search(r"/\*\*((?:[^*]|\*(?!/))*)\*/\n$", text[:start])
    return found and found[1]


def parse_comment(comment, name, line):
    if comment is None:
        raise Refused(f"segmo.h:{line}: {name} has no comment: write /** ... */ right above it")
    words, tags = [], {}
    for raw in comment.split("\n"):
        stripped = re.sub(r"^\s*\*? ?", "", raw).rstrip()
        tag = TAG.match(stripped)
        if tag:
            tags[tag[1]] = tag[2].strip()
        else:
            words.append(stripped)
    return "\n".join(words).strip(), tags


def check_tags(function):
    def refuse(cause):
        raise Refused(f"segmo.h:{function.line}: {function.name} {cause}")

    if not function.words:
        refuse("has tags but no words: say what it does, when it fails and who owns what")
    if function.tags.get("thread") not in ("any", "one"):
        refuse("lacks its thread rule: write @thread any or @thread one")
    if not re.fullmatch(r"\d+\.\d+", function.tags.get("since", "")):
        refuse("lacks the release it appeared in: write @since 0.1")
    waits = any(p.name == "timeout_ms" for p in function.parameters)
    if waits != function.blocking:
        refuse("takes timeout_ms and lacks @blocking" if waits else
               "is @blocking without a timeout_ms parameter: nothing may wait without a limit")
    unknown = set(function.tags) - {"thread", "since", "blocking"}
    if unknown:
        refuse(f"has an unknown tag @{min(unknown)}")


def parse_parameters(text):
    text = one_line(text)
    if text == "void":
        return []
    parsed = (re.fullmatch(r"(.*?[ *])(\w+)", part.strip()) for part in text.split(","))
    return [Parameter(found[1].strip(), found[2]) for found in parsed]


def section_before(text, start):
    return re.findall(r"^/\* -{2,} (.+?) -{2,} \*/$", text[:start], re.M)[-1]


def check_all_understood(text, api):
    """A name that looks like a function and was not parsed would silently be missing everywhere."""
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    declared = set(re.findall(r"\b(segmo_\w+)\s*\(", code))
    missed = declared - {function.name for function in api.functions}
    if missed:
        raise Refused(f"segmo.h: {min(missed)} is declared in a form that the generator does not "
                      f"read: write `type name(parameters);` starting in column one")


def one_line(text):
    return " ".join(text.split())


# ---- what is written -----------------------------------------------------------------------------

def version_script(api):
    """One node per release; a release that adds functions inherits from the one before."""
    releases = sorted({f.tags["since"] for f in api.functions}, key=release_key)
    nodes, before = [], ""
    for release in releases:
        names = sorted(f.name for f in api.functions if f.tags["since"] == release)
        listed = "".join(f"        {name};\n" for name in names)
        hidden = "" if before else "    local:\n        *;\n"
        nodes.append(f"SEGMO_{release} {{\n    global:\n{listed}{hidden}}}{before};\n")
        before = f" SEGMO_{release}"
    return "# Made from core/include/segmo.h by bindings/generate.py: do not edit.\n" + "\n".join(nodes)


def release_key(release):
    return tuple(int(part) for part in release.split("."))


def reference(api):
    """docs/reference/c-api.md: the header's own words, by section, with a table in front."""
    lines = ["<!-- Made from core/include/segmo.h by bindings/generate.py: do not edit. -->",
             "# C API", "",
             "`#include <segmo.h>`, link with `pkg-config --libs segmo`. How it is used: "
             "[the guide for C users](../guide/c-users.md).", "",
             "Every function that can fail answers a [status](#statuses) and takes `segmo_error **err` "
             "last; it may be NULL. JSON is UTF-8, a pointer and a length in bytes. What comes back "
             "through `out` is yours to free with the function of its noun, `char *` with "
             "`segmo_free()`.", ""]
    for section in unique(f.section for f in api.functions):
        lines += [f"- **{section}**: " + " ".join(
            f"[`{f.name}`](#{f.name})" for f in api.functions if f.section == section)]
    lines.append("")
    for section in unique(f.section for f in api.functions):
        lines += [f"## {section[0].upper()}{section[1:]}", ""]
        for function in (f for f in api.functions if f.section == section):
            lines += function_page(function)
    lines += ["## Statuses", ""] + enum_table(api, "segmo_status")
    lines += ["## Kinds of report", ""] + enum_table(api, "segmo_report_kind_t")
    return "\n".join(lines).rstrip() + "\n"


def function_page(function):
    thread = {"any": "any thread, at any time", "one": "one thread at a time for this object"}
    rules = f"Thread: {thread[function.tags['thread']]}."
    if function.blocking:
        rules += " May wait, at most `timeout_ms`."
    return [f"### {function.name}", "", "```c", function.declaration, "```", "",
            function.words, "", f"{rules} Since {function.tags['since']}.", ""]


def enum_table(api, name):
    enum = next(e for e in api.enums if e.name == name)
    rows = [f"| `{member}` | {number} | {words} |" for member, number, words in enum.members]
    return [enum.words, "", "| name | number | meaning |", "|---|---|---|", *rows, ""]


def unique(items):
    return list(dict.fromkeys(items))


def outputs(api):
    return {ROOT / "core/libsegmo.map": version_script(api),
            ROOT / "docs/reference/c-api.md": reference(api),
            ROOT / "bindings/python/segmo/_native_decl.cdef": emit_cffi.declarations(api),
            ROOT / "bindings/ruby/lib/segmo/version.rb": emit_ruby.version(api),
            ROOT / "bindings/ruby/lib/segmo/native.rb": emit_ruby.native(api)}


def write_or_check(wanted, check):
    """Writes the files, or with `check` answers which of them differ from what would be written."""
    stale = []
    for path, text in wanted.items():
        if path.exists() and path.read_text() == text:
            continue
        if check:
            stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale: run `make generated`", file=sys.stderr)
    return 1 if stale else 0


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = options.parse_args()
    try:
        return write_or_check(outputs(parse(HEADER.read_text())), arguments.check)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
