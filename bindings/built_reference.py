#!/usr/bin/env python3
"""The references that only the built product can tell: it cannot promise what is not there.

    built_reference.py build/release            writes docs/reference/options.md and program.md
    built_reference.py build/release --check    fails when one of them is not what would be written
"""
import argparse
import ctypes
import json
import subprocess
import sys
from pathlib import Path

import generate

REFERENCE = generate.ROOT / "docs/reference"
TITLES = {
    "segment": "Segment", "source": "Where messages come from", "moengage": "MoEngage",
    "spool": "Where messages wait", "dead_letters": "Dead letters", "delivery": "How messages leave",
    "close": "Closing", "reports": "Reports", "streams": "MoEngage Streams to Segment",
    "gateway": "The gateway", "kafka": "Kafka", "work": "The worker", "library": "The library's name in messages", "": "General",
}
TYPES = {
    "text": "text", "secret": "text, never shown", "flag": "`true` or `false`", "count": "number",
    "size": "bytes, or with KiB, MiB, GiB", "time": "milliseconds, or with ms, s, m, h, d",
    "json": "JSON",
}
HEAD = """<!-- Made from the library's table of options by bindings/built_reference.py: do not edit. -->
# Options

Each option has one dotted name. It is given in code (`segmo_config_set`), in the environment or in a
JSON file, in that order: code beats environment beats file beats default. An unknown name is refused
and the nearest one is offered. `segmo config` shows what is in force and where each value came from.
Options marked *per source* may differ in each entry of `sources`.
"""


def options_of(library):
    """The array that segmo_options_json() hands out."""
    segmo = ctypes.CDLL(str(Path(library).resolve()))
    out, length = ctypes.c_void_p(), ctypes.c_size_t()
    status = segmo.segmo_options_json(ctypes.byref(out), ctypes.byref(length), None)
    if status != 0:
        sys.exit(f"{library}: segmo_options_json answered {status}")
    try:
        return json.loads(ctypes.string_at(out, length.value))
    finally:
        segmo.segmo_free.argtypes = [ctypes.c_void_p]
        segmo.segmo_free(out)


def options_page(options):
    lines = [HEAD]
    for group in generate.unique(group_of(option) for option in options):
        lines += [f"## {TITLES.get(group, group)}", ""]
        for option in (option for option in options if group_of(option) == group):
            lines += entry(option)
    return "\n".join(lines).rstrip() + "\n"


def group_of(option):
    """`sources` and `connection_mode` say where messages come from too."""
    name = option["name"]
    if name in ("sources", "connection_mode"):
        return "source"
    return name.partition(".")[0] if "." in name else ""


def entry(option):
    choices = option.get("choices")
    facts = [" or ".join(f"`{choice}`" for choice in choices) if choices else TYPES[option["type"]],
             f"default {default_of(option)}", f"environment `{option['env']}`"]
    if option.get("per_source"):
        facts.append("*per source*")
    return [f"### {option['name']}", "", "; ".join(facts) + ".", "", option["help"], ""]


def default_of(option):
    default = option["default"]
    if default is None:
        return "see below" if "Default:" in option["help"] else "none"
    return "empty" if default == "" else f"`{default}`"


def program_page(program):
    told = subprocess.run([str(Path(program).resolve()), "help", "--markdown"], check=True, text=True,
                          capture_output=True).stdout
    return "<!-- Made by `segmo help --markdown`: do not edit. -->\n" + told.rstrip() + "\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("build", type=Path, help="the build's directory")
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    given = arguments.parse_args()
    pages = {REFERENCE / "options.md": options_page(options_of(given.build / "libsegmo.so.1")),
             REFERENCE / "program.md": program_page(given.build / "segmo")}
    return generate.write_or_check(pages, given.check)


if __name__ == "__main__":
    sys.exit(main())
