#!/usr/bin/env python3
"""Static analysis of the core and the program: cppcheck, gcc -fanalyzer and clang-tidy. Nothing may be found.

    analyze.py FLAG...

The flags are those the sources are compiled with (`make analyze` hands them over). What is not asked, and why, stands
in .clang-tidy for clang-tidy and here for the others. The last line is `N passed, N failed[, N skipped]`, a file and
tool each.
"""
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = "warning,performance,portability"  # cppcheck's style is clang-format's and lint.py's business


def cppcheck(path, flags):
    plain = [flag for flag in flags if flag.startswith(("-I", "-D"))]
    return ["cppcheck", "--quiet", "--std=c11", f"--enable={KINDS}", "--error-exitcode=1", *plain, path]


def gcc_analyzer(path, flags):
    return ["gcc", *flags, "-O2", "-fanalyzer", "-Werror", "-S", "-o", os.devnull, path]


def clang_tidy(path, flags):
    return ["clang-tidy", "--quiet", path, "--", *flags]


TOOLS = {"cppcheck": cppcheck, "gcc": gcc_analyzer, "clang-tidy": clang_tidy}


def analyze(job):
    tool, path, flags = job
    ran = subprocess.run(TOOLS[tool](path, flags), cwd=ROOT, text=True, errors="replace", capture_output=True)
    output = ran.stdout + re.sub(r"(?m)^(\d+ warnings? generated|Suppressed .*|Use -header-filter.*)\.?\n", "", ran.stderr)
    if ran.returncode != 0:
        print(f"{tool} {path} (exit code {ran.returncode}):\n{output}", flush=True)
    return ran.returncode == 0


def sources():
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "core").rglob("*.c"))


def main():
    flags, files, passed, failed, skipped = sys.argv[1:], sources(), 0, 0, 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for tool in TOOLS:
            if not shutil.which(tool):
                print(f"not run: {tool} is not installed")
                skipped += len(files)
                continue
            clean = list(pool.map(analyze, ((tool, path, flags) for path in files)))
            print(f"{tool:<12} {sum(clean)} of {len(files)} files without a report", flush=True)
            passed, failed = passed + sum(clean), failed + len(clean) - sum(clean)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
