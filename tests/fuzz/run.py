#!/usr/bin/env python3
"""Drives the fuzz targets one after another and sums up. `make fuzz` builds them and runs this.

    run.py [--seconds 60] [--minimise] [TARGET ...]

A target starts from its corpus (tests/fuzz/corpus), from inputs made of the case files (seeds.py) and from what
earlier runs found (build/fuzz/found). What ends it is kept in build/fuzz/crashes. With --minimise the inputs
that reach something of their own become the corpus. The exit code is 1 when a target was ended by an input.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/fuzz"
CORPUS = ROOT / "tests/fuzz/corpus"
SLOWEST_INPUT_S = 10
MEMORY_MIB = 2048
LONGEST = {"message": 8192, "transform": 8192, "lines": 512, "spool": 1024, "segment_file": 2048, "snake_case": 256,
           "url": 256, "waits": 512}
CORPUS_INPUT_MAX = 8192  # larger ones are left to the seeds


def targets():
    return sorted(path.stem for path in (ROOT / "tests/fuzz").glob("*.c"))


def folders(target):
    found, seeds, kept = BUILD / "found" / target, BUILD / "seeds" / target, CORPUS / target
    found.mkdir(parents=True, exist_ok=True)
    return [found, *(folder for folder in (kept, seeds) if folder.is_dir())]


def command(target, *more):
    return [str(BUILD / "fuzz" / target), f"-timeout={SLOWEST_INPUT_S}", f"-rss_limit_mb={MEMORY_MIB}",
            f"-max_len={LONGEST.get(target, 4096)}", "-print_final_stats=1", "-close_fd_mask=2", *more]


def environment():
    options = "abort_on_error=1:detect_leaks=1:allocator_may_return_null=1"
    return {**os.environ, "ASAN_OPTIONS": options, "UBSAN_OPTIONS": "print_stacktrace=1"}


def number(pattern, output, default=0):
    found = re.findall(pattern, output)
    return int(found[-1]) if found else default


def without_progress(output):
    return "\n".join(line for line in output.splitlines() if not re.match(r"#\d+|INFO:|\s+NEW_FUNC|\s+#\d+ .*fuzzer::", line))


def fuzz(target, seconds):
    crashes = BUILD / "crashes"
    crashes.mkdir(parents=True, exist_ok=True)
    dictionary = ROOT / "tests/fuzz/dictionary" / f"{target}.dict"
    more = [f"-dict={dictionary}"] if dictionary.exists() else []
    ran = subprocess.run(command(target, f"-max_total_time={seconds}", f"-artifact_prefix={crashes}/{target}-", *more,
                                 *map(str, folders(target))),
                         cwd=ROOT, env=environment(), text=True, errors="replace", capture_output=True)
    output = ran.stdout + ran.stderr
    result = {"target": target, "runs": number(r"number_of_executed_units: (\d+)", output),
              "cover": number(r"cov: (\d+)", output), "code": ran.returncode}
    if ran.returncode != 0:
        print(f"{target} was ended (exit code {ran.returncode}):\n{without_progress(output)}", flush=True)
    else:
        print(f"  {target:<16} {result['runs']:>12,} inputs, {result['cover']:>6} places reached", flush=True)
    return result


def minimise(target):
    """Merges all there is into a corpus that reaches the same with the fewest and shortest inputs."""
    merged = BUILD / "merged" / target
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir(parents=True)
    kept = CORPUS / target
    regressions = [path for path in kept.glob("mended-*")] if kept.is_dir() else []
    ran = subprocess.run(command(target, "-merge=1", "-use_counters=0", str(merged), *map(str, folders(target))), cwd=ROOT,
                         env=environment(), text=True, errors="replace", capture_output=True)
    if ran.returncode != 0:
        sys.exit(f"{target} could not be merged (exit code {ran.returncode}):\n{without_progress(ran.stderr)}")
    contents = {path.name: path.read_bytes() for path in regressions}
    for path in sorted(merged.iterdir()):
        content = path.read_bytes()
        if len(content) <= CORPUS_INPUT_MAX:
            contents[path.name[:12]] = content
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for name, content in contents.items():
        (kept / name).write_bytes(content)
    print(f"  {target:<16} {len(contents):>6} inputs, {sum(map(len, contents.values())):>9,} bytes", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--minimise", action="store_true")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    wanted = options.targets or targets()
    subprocess.run([sys.executable, ROOT / "tests/fuzz/seeds.py", BUILD / "seeds"], check=True)
    if options.minimise:
        for target in wanted:
            minimise(target)
        return 0
    results = [fuzz(target, options.seconds) for target in wanted]
    ended = [result["target"] for result in results if result["code"] != 0]
    print(f"{len(results)} targets, {options.seconds} s each: {sum(r['runs'] for r in results):,} inputs, "
          f"{len(ended)} ended by one{': ' + ' '.join(ended) if ended else ''}")
    return 1 if ended else 0


if __name__ == "__main__":
    sys.exit(main())
