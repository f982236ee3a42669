#!/usr/bin/env python3
"""Runs the tests of process models of the Python and Ruby packages, and prints what each came to as one table.

Every test that sends events through a model (a server, a pool, a way to fork or to end) leaves a line of JSON in the file that
PROCESS_MODELS names. The exit code is 0 when all passed, nothing was lost, and every model that can be had here was had.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUBY = os.environ.get("RUBY", "ruby")
SUITES = [
    [sys.executable, "-m", "pytest", "-q", "--tb=short", "-rs", "-p", "no:cacheprovider", "tests/python/test_fork.py"],
    [RUBY, "-w", "tests/ruby/test_process.rb", "--name", "/EndingTest|ForkTest/"],
    [RUBY, "-w", "tests/ruby/test_servers.rb"],
]
COLUMNS = ("language", "model", "accepted", "arrived", "lost", "doubled", "out of order", "end")


def row(model):
    """`end`: how long the process took to end after its last event, or after it was told to."""
    return (model["language"], model["model"], "%d" % model["accepted"], "%d" % model["arrived"],
            "%d" % (model["accepted"] - model["arrived"]), "%d" % model["doubled"], "%d" % model["out_of_order"],
            "%.1f s" % model["end_s"])


def table(models):
    lines = [row(model) for model in models]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *lines)]
    rule = ["-" * width for width in widths]
    return "\n".join("| %s |" % " | ".join(cell.ljust(width) for cell, width in zip(line, widths))
                     for line in [COLUMNS, rule, *lines])


def main():
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "models.ndjson"
        path.touch()
        failed = [command for command in SUITES
                  if subprocess.run(command, cwd=ROOT, env={**os.environ, "PROCESS_MODELS": str(path)}).returncode]
        models = [json.loads(line) for line in path.read_text().splitlines()]
    print("\n%s\n" % table(sorted(models, key=lambda model: model["language"])))
    lost = [model for model in models if model["accepted"] != model["arrived"]]
    print("%d models, %d with a loss, %d of %d suites failed" % (len(models), len(lost), len(failed), len(SUITES)))
    return 1 if failed or lost or not models else 0


if __name__ == "__main__":
    sys.exit(main())
