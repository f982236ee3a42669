#!/usr/bin/env python3
"""Carries real events end to end and accounts for every one: what `make run` does.

    run.py [--count 10000] [--keep DIR]

Starts the sandbox (strict stand-ins for Segment and MoEngage, a small share of its answers fails), then plays its
scenes: through the built program cloud mode to both destinations, device mode, and MoEngage's campaign export back to
Segment; then cloud mode from each language that has a package. Ends with a summary; the exit code is 0 only when the accounts of program and sandbox agree to the message.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = ROOT / "build/release/segmo"
WRITE_KEY, APP_ID, API_KEY = "WK-make-run", "APPMAKERUN", "data-api-key"

BAD_LINES = [
    '{"type":"track","event":"No one did this"}',
    '{"type":"track","userId":"u1","event":""}',
    '{"type":"track","userId":"u1","event":"Twice","event":"Twice"}',
    '{"type":"identify","userId":"u1","traits":{"big":1e999}}',
    'not JSON at all',
]


class Sandbox:
    def __init__(self, record):
        self.process = subprocess.Popen(
            [PROGRAM, "sandbox", "--port", "0", "--quiet", "--write-key", WRITE_KEY, "--app-id", APP_ID,
             "--api-key", API_KEY, "--fail", "503:0.03", "--record", record],
            stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def stats(self):
        with urllib.request.urlopen(self.url + "/stats", timeout=10) as answer:
            return json.load(answer)

    def reset(self):
        urllib.request.urlopen(urllib.request.Request(self.url + "/reset", method="POST"), timeout=10).close()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Accounts:
    """Holds program and sandbox against each other and keeps what does not agree."""

    def __init__(self):
        self.wrong = []

    def expect(self, what, here, there):
        if here != there:
            self.wrong.append(f"{what}: {here:,} is not {there:,}")

    def destination(self, scene, name, program, sandbox):
        self.expect(f"{scene}, {name}: accepted = delivered + dead + pending + skipped", program["accepted"],
                    program["delivered"] + program["dead"] + program["pending"] + program["skipped"])
        self.expect(f"{scene}, {name}: delivered = received once", program["delivered"], sandbox["unique"])
        self.expect(f"{scene}, {name}: nothing pending", program["pending"], 0)
        self.expect(f"{scene}, {name}: nothing twice", sandbox["duplicates"], 0)
        self.expect(f"{scene}, {name}: order per user", sandbox["order_violations"], 0)


def settings(sandbox, spool, **more):
    options = {"spool.dir": spool, "segment.host": sandbox.url, "segment.write_key": WRITE_KEY,
               "moengage.app_id": APP_ID, "moengage.data_api_key": API_KEY, "moengage.url": sandbox.url,
               "delivery.backoff_base_ms": 100}
    options.update({name.replace("__", "."): value for name, value in more.items()})
    return [part for name, value in options.items() for part in ("--set", f"{name}={value}")]


def segmo(*words):
    """Runs the program; codes 0 and 1 (some lines were refused) are what these scenes may end with."""
    done = subprocess.run([str(PROGRAM), *map(str, words)], stdout=subprocess.PIPE, text=True, timeout=180)
    if done.returncode not in (0, 1):
        sys.exit(f"segmo {words[0]} ended with code {done.returncode}")
    return json.loads(done.stdout)


def line(name, value):
    print(f"    {name:<44}{value:>12,}" if isinstance(value, int) else f"    {name:<44}{value:>12}")


def destination_lines(name, program, sandbox):
    line(f"{name}: delivered", program["delivered"])
    if program["skipped"]:
        line(f"{name}: skipped on purpose", program["skipped"])
    if program["dead"]:
        line(f"{name}: dead letters", program["dead"])
    line(f"{name}: received twice", sandbox["duplicates"])


def import_scene(title, scene, sandbox, accounts, file, spool, **more):
    sandbox.reset()
    result = segmo("import", file, "--json", *settings(sandbox, spool, **more))
    received = sandbox.stats()
    print(f"\n  {title}")
    line("accepted", result["accepted"])
    line("rejected", result["rejected"])
    for reason, count in result["rejected_for"].items():
        print(f"        {count} x {reason}")
    for name in ("segment", "moengage"):
        destination_lines(name, result["destinations"][name], received[name])
        accounts.destination(scene, name, result["destinations"][name], received[name])
    accounts.expect(f"{scene}: every line accepted or rejected", result["accepted"] + result["rejected"],
                    result["lines"] - result["blank"])
    line("events/s, import to last answer",
         result["accepted"] * 1000 // max(1, result["total_ms"]))
    return result


def cloud_scene(sandbox, accounts, work, count):
    events = work / "events.ndjson"
    subprocess.run([sys.executable, ROOT / "tests/events/generate.py", "--count", str(count), "--out", events],
                   check=True)
    with open(events, "a") as file:
        file.write("\n".join(BAD_LINES) + "\n")
    result = import_scene(f"Cloud mode: {count:,} events of all six calls to Segment and MoEngage", "cloud", sandbox,
                          accounts, events, work / "spool-cloud")
    accounts.expect("cloud: accepted", result["accepted"], count)
    accounts.expect("cloud: rejected", result["rejected"], len(BAD_LINES))


def device_scene(sandbox, accounts, work, count):
    events = work / "device-events.ndjson"
    subprocess.run([sys.executable, ROOT / "tests/events/generate.py", "--count", str(count), "--seed", "2", "--out",
                    events], check=True)
    result = import_scene(f"Device mode: {count:,} events, anonymous users and unchanged names", "device", sandbox,
                          accounts, events, work / "spool-device", source__type="android", source__bundled="true",
                          connection_mode="device")
    accounts.expect("device: accepted", result["accepted"], count)


def campaign_scene(sandbox, accounts, work, payloads):
    sandbox.reset()
    export = work / "campaign-export.ndjson"
    with open(export, "w") as file:
        for seed in range(payloads):
            body = subprocess.run([sys.executable, ROOT / "tests/events/streams.py", "--count", "100", "--seed",
                                   str(seed)], stdout=subprocess.PIPE, text=True, check=True).stdout
            file.write(json.dumps(json.loads(body)) + "\n")
    result = segmo("import", export, "--streams", "--json",
                   *settings(sandbox, work / "spool-campaign", source__type="http", moengage__forward="segment",
                             streams__derived_attributes="true"))
    received = sandbox.stats()
    program = result["stats"]["destinations"]["segment"]
    print(f"\n  Campaign export: {payloads} Streams payloads back to Segment, derived attributes included")
    for name in ("payloads", "events", "accepted", "skipped", "rejected"):
        line("messages accepted" if name == "accepted" else name, result[name])
    destination_lines("segment", program, received["segment"])
    accounts.destination("campaign", "segment", program, received["segment"])
    accounts.expect("campaign: accepted", result["accepted"], program["accepted"])
    accounts.expect("campaign: nothing went to MoEngage again", received["moengage"]["unique"], 0)


class Package(NamedTuple):
    """A language's package: what runs a file of messages through it, and what has to be built for that."""

    language: str
    command: list
    environment: dict
    built: Path


PYTHON = ROOT / "build/python/lib"
RUBY = ROOT / "bindings/ruby/lib"
PACKAGES = [
    Package("Python", [sys.executable, ROOT / "tests/run/send.py"], {"PYTHONPATH": str(PYTHON)}, PYTHON),
    Package("Ruby", [os.environ.get("RUBY", "ruby"), ROOT / "tests/run/send.rb"], {"RUBYLIB": str(RUBY)}, RUBY / "segmo/libsegmo.so.1"),
]


def package_scene(package, sandbox, accounts, work, count):
    """The same six calls, made by an application in that language."""
    scene = package.language
    print(f"\n  {scene}: {count:,} events of all six calls through its package")
    if not package.built.exists():
        print(f"    not run: {package.built.relative_to(ROOT)} is not built")
        return
    sandbox.reset()
    events = work / f"{scene.lower()}-events.ndjson"
    subprocess.run([sys.executable, ROOT / "tests/events/generate.py", "--count", str(count), "--seed", "3", "--out",
                    events], check=True)
    options = settings(sandbox, work / f"spool-{scene.lower()}")[1::2]
    variables = {"SEGMO_" + name.upper().replace(".", "_"): value
                 for name, _, value in (option.partition("=") for option in options)}
    done = subprocess.run([*map(str, package.command), str(events)], stdout=subprocess.PIPE, text=True, timeout=180,
                          env={**os.environ, **variables, **package.environment})
    if done.returncode != 0:
        accounts.wrong.append(f"{scene}: ended with code {done.returncode}")
        return
    program, received = json.loads(done.stdout)["destinations"], sandbox.stats()
    for name in ("segment", "moengage"):
        destination_lines(name, program[name], received[name])
        accounts.destination(scene, name, program[name], received[name])
        accounts.expect(f"{scene}, {name}: accepted", program[name]["accepted"], count)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=10000)
    options.add_argument("--dir", type=Path, default=ROOT / "build/run", help="where files are kept to look at")
    chosen = options.parse_args()
    shutil.rmtree(chosen.dir, ignore_errors=True)
    chosen.dir.mkdir(parents=True)
    started = time.monotonic()
    accounts = Accounts()
    sandbox = Sandbox(chosen.dir / "received.ndjson")
    print(f"segmo: the sandbox plays Segment and MoEngage at {sandbox.url}; 3 % of its answers are 503")
    try:
        cloud_scene(sandbox, accounts, chosen.dir, chosen.count)
        device_scene(sandbox, accounts, chosen.dir, max(1, chosen.count // 10))
        campaign_scene(sandbox, accounts, chosen.dir, 5)
        for package in PACKAGES:
            package_scene(package, sandbox, accounts, chosen.dir, max(1, chosen.count // 5))
    finally:
        sandbox.stop()
    print(f"\n  Files to look at in {chosen.dir.relative_to(ROOT) if chosen.dir.is_relative_to(ROOT) else chosen.dir}:")
    for path in sorted(chosen.dir.iterdir()):
        if path.is_file():
            print(f"    {path.name:<28}{path.stat().st_size:>14,} bytes")
    if accounts.wrong:
        print("\nThe accounts do not agree:")
        for wrong in accounts.wrong:
            print(f"  {wrong}")
        return 1
    print(f"\nEvery event is accounted for ({time.monotonic() - started:.1f} s).")
    print("`make serve` keeps a gateway and a sandbox up, to point a Segment library at, and prints the address of its\n"
          "debugger page, which shows every message as it passes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
