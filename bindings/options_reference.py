#!/usr/bin/env python3
"""docs/reference/options.md from the library's own table of options.

    options_reference.py build/release/libsegmo.so.1            writes the page
    options_reference.py build/release/libsegmo.so.1 --check    fails when the page is another

The built library is asked, not the source, so that the page cannot promise an option that is not there.
"""
import argparse
import ctypes
import json
import sys
from pathlib import Path

import generate

PAGE = generate.ROOT / "docs/reference/options.md"
TITLES = {
    "segment": "Segment", "source": "Where messages come from", "moengage": "MoEngage",
    "spool": "Where messages wait", "dead_letters": "Dead letters", "delivery": "How messages leave",
    "close": "Closing", "reports": "Reports", "streams": "MoEngage Streams to Segment",
    "library": "The library's name in messages", "": "General",
}
TYPES = {
    "text": "text", "secret": "text, never shown", "flag": "`true` or `false`", "count": "number",
    "size": "bytes, or with KiB, MiB, GiB", "time": "milliseconds, or with ms, s, m, h, d",
    "json": "JSON",
}
HEAD = """<!-- Made from the library's table of options by bindings/options_reference.py: do not edit. -->
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


def page(options):
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


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("library")
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    given = arguments.parse_args()
    return generate.write_or_check({PAGE: page(options_of(given.library))}, given.check)


if __name__ == "__main__":
    sys.exit(main())
