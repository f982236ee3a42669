#!/usr/bin/env python3
"""Sums up what tests reach in core/src, by room, from the counts that a `cov` build left. `make coverage` runs this.

The exit code is 1 when less is reached than is asked for: 90 % of all lines, 80 % of all branches, and every line of
the rooms and files that keep messages. With -v each line that was not reached there is named.
"""
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/cov"
LINES, BRANCHES = 90, 80
WHOLE = ("spool/", "deliver/retry.c")


def measured():
    """What gcov counted, a dict for each source file: name, lines with their counts and branches."""
    for counts in sorted((BUILD / "core/src").rglob("*.gcda")):
        ran = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", counts], cwd=ROOT, capture_output=True,
                             text=True, check=True)
        for file in json.loads(ran.stdout)["files"]:
            if file["file"] == str(counts.relative_to(BUILD).with_suffix(".c")):
                yield file


class Sum:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, file):
        for line in file["lines"]:
            self.lines += 1
            self.lines_hit += line["count"] > 0
            self.branches += len(line["branches"])
            self.branches_hit += sum(branch["count"] > 0 for branch in line["branches"])

    @property
    def line_share(self):
        return 100 * self.lines_hit / max(self.lines, 1)

    @property
    def branch_share(self):
        return 100 * self.branches_hit / max(self.branches, 1)

    def __str__(self):
        return (f"lines {self.line_share:6.2f} % ({self.lines_hit} of {self.lines}), "
                f"branches {self.branch_share:6.2f} % ({self.branches_hit} of {self.branches})")


def main():
    rooms, everything, missed = defaultdict(Sum), Sum(), []
    for file in measured():
        name = file["file"].removeprefix("core/src/")
        whole = name.startswith(WHOLE)
        for total in (everything, rooms[name.rpartition("/")[0] or name], *([rooms["(whole)"]] if whole else [])):
            total.add(file)
        if whole:
            missed += [f"{file['file']}:{line['line_number']}" for line in file["lines"] if line["count"] == 0]
    whole = rooms.pop("(whole)")
    for room in sorted(rooms):
        print(f"{room:<10} {rooms[room]}")
    print(f"{'core/src':<10} {everything}\n{'kept whole':<10} {whole}: {', '.join(WHOLE)}")
    if "-v" in sys.argv:
        print("\n".join(missed))
    short = [words for words, share, wanted in (("lines", everything.line_share, LINES),
                                                ("branches", everything.branch_share, BRANCHES),
                                                ("lines of what keeps messages", whole.line_share, 100)) if share < wanted]
    print(f"too little is reached: {', '.join(short)}" if short else "as much is reached as is asked for")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
