#!/usr/bin/env python3
"""The gateway's figures: wrk on loopback, the server on one core, ratios within one run.

    gateway.py [--seconds 4] [--carry-seconds 10] [--only single,batch,carry,page] [--json FILE]

Every event has an id of its own, so the list of duplicates works as in life. Nothing here fails on a slow machine: it
prints what it measured beside what was promised.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / os.environ.get("CONFIG", "release")
PROGRAM = BUILD / "segmo"

LUA = r"""
-- Bodies of COUNT events, each with its own messageId: the pieces between the ids are given.
local pieces = {}
for piece in io.open("%(pieces)s"):lines() do pieces[#pieces + 1] = piece end
local number, thread_number = 0, 0
function setup(thread) thread:set("mine", thread_number); thread_number = thread_number + 1 end
function init() wrk.method = "POST"; wrk.headers["Authorization"] = "Basic V0s6" end
function request()
  local parts = {}
  for i, piece in ipairs(pieces) do
    parts[#parts + 1] = piece
    if i < #pieces then number = number + 1; parts[#parts + 1] = mine .. "-%(run)s-" .. number end
  end
  return wrk.format(nil, nil, nil, table.concat(parts))
end
"""


def event(number):
    """About 900 bytes, as an order of a shop."""
    return {"type": "track", "messageId": "@@", "userId": "user-%d" % number, "event": "Order Completed",
            "timestamp": "2026-01-05T10:11:12.345Z",
            "properties": {"orderId": "o-%d" % number, "total": 27.5, "currency": "EUR", "coupon": "summer",
                           "products": [{"productId": "p-%d" % i, "name": "A thing of some length %d" % i, "price": 9.99,
                                         "quantity": 1, "category": "Games"} for i in range(4)]},
            "context": {"ip": "10.1.2.3", "locale": "en-GB", "library": {"name": "analytics-node", "version": "3.1.0"},
                        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"}}


def script(directory, name, count, run):
    if count == 1:
        body = json.dumps(event(1), separators=(",", ":"))
    else:
        body = json.dumps({"sentAt": "2026-01-05T10:11:13.000Z", "batch": [event(i) for i in range(count)]},
                          separators=(",", ":"))
    pieces = directory / (name + ".pieces")
    pieces.write_text("\n".join(body.split("@@")) + "\n")
    path = directory / (name + ".lua")
    path.write_text(LUA % {"pieces": pieces, "run": run})
    return path, len(body)


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)] if os.cpu_count() > 1 else list(map(str, command))


def wrk(url, lua, seconds, connections, pin=True):
    command = ["wrk", "-t1", "-c%d" % connections, "-d%d" % seconds, "--latency", "-s", str(lua), url]
    done = subprocess.run(pinned(1, command) if pin else command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])
    p99 = re.search(r"^\s+99%\s+(\S+)", done, re.M)[1]
    if "Non-2xx" in done or "Socket errors" in done:
        print("    " + "; ".join(line.strip() for line in done.split("\n") if "Non-2xx" in line or "Socket" in line))
    return rate, p99


class Gateway:
    def __init__(self, directory, pin, **options):
        self.spool = Path(tempfile.mkdtemp(dir=directory))
        config = self.spool / "segmo.json"
        config.write_text(json.dumps({"spool.dir": str(self.spool / "spool"), "segment.write_key": "WK",
                                      "spool.max_bytes": "64GiB", "gateway.listen": "127.0.0.1:0", **options}))
        command = [PROGRAM, "serve", "--config", config]
        self.process = subprocess.Popen(pinned(0, command) if pin else list(map(str, command)), stderr=subprocess.PIPE,
                                        text=True)
        self.url = next(re.search(r'"url":"([^"]+)"', line)[1] for line in self.process.stderr if "listening" in line)
        self.reader = threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.spool)

    def metric(self, name, label=""):
        with urllib.request.urlopen(self.url + "/metrics") as answer:
            text = answer.read().decode()
        return sum(float(value) for labels, value in re.findall(r"^segmo_%s(\{[^}]*\})? (\S+)$" % name, text, re.M)
                   if label in labels)

    def memory_mib(self):
        status = Path("/proc/%d/status" % self.process.pid).read_text()
        return {name: int(value) // 1024 for name, value in re.findall(r"^(RssAnon|RssFile|RssShmem|VmRSS|VmHWM):\s+(\d+)", status, re.M)}


def bare_rate(lua, seconds):
    process = subprocess.Popen(pinned(0, [BUILD / "bench/bare_http"]), stdout=subprocess.PIPE, text=True)
    try:
        return wrk("http://127.0.0.1:%s/v1/track" % process.stdout.readline().strip(), lua, seconds, 32)[0]
    finally:
        process.kill()
        process.wait()


def measure_single(directory, seconds, found):
    lua, size = script(directory, "single", 1, "s")
    bare = bare_rate(lua, seconds)
    with Gateway(directory, True, **{"delivery.enabled": False}) as gateway:
        rate, p99 = wrk(gateway.url + "/v1/track", lua, seconds, 32)
        found["single"] = {"requests_per_s": rate, "bare_http_per_s": bare, "ratio": rate / bare, "p99": p99}
        print(f"single events of {size} bytes        {rate:>10,.0f} requests/s  (promised 70,000)   p99 {p99}")
        print(f"  of the bare HTTP library's     {rate / bare:>10.0%}             (promised 50 %)     {bare:,.0f} requests/s")


def measure_batch(directory, seconds, found):
    lua, size = script(directory, "batch", 100, "b")
    bare = bare_rate(lua, seconds)
    with Gateway(directory, True, **{"delivery.enabled": False}) as gateway:
        rate, p99 = wrk(gateway.url + "/v1/batch", lua, seconds, 8)
        found["batch"] = {"events_per_s": rate * 100, "bare_http_events_per_s": bare * 100, "ratio": rate / bare, "p99": p99}
        print(f"100-event bodies of {size // 1000} KB        {rate * 100:>10,.0f} events/s    (promised 300,000)  p99 {p99}")
        print(f"  of the bare HTTP library's     {rate / bare:>10.0%}                                 {bare * 100:,.0f} events/s")


def measure_carry(directory, seconds, found):
    """Everything on two cores: wrk, the gateway with both destinations, and the receiver."""
    lua, _ = script(directory, "carry", 100, "c")
    receiver = subprocess.Popen([PROGRAM, "sandbox", "--port", "0", "--quiet", "--count-only"], stdout=subprocess.PIPE, text=True)
    url = receiver.stdout.readline().split()[-1]
    try:
        with Gateway(directory, False, **{
                "segment.host": url, "moengage.url": url, "moengage.app_id": "A", "moengage.data_api_key": "K",
                "moengage.events_per_minute": 100000000, "moengage.users_per_minute": 100000000}) as gateway:
            rate, p99 = wrk(gateway.url + "/v1/batch", lua, seconds, 4, pin=False)
            age = gateway.metric("oldest_pending_seconds")
            delivered = {name: gateway.metric("destination_delivered_total", name) for name in ("segment", "moengage")}
            memory = gateway.memory_mib()
            found["carry"] = {"ingested_per_s": rate * 100, "delivered_per_s": {name: count / seconds for name, count in delivered.items()},
                              "oldest_s": age, "memory_mib": memory, "p99": p99}
            print(f"ingest and delivery on all cores {rate * 100:>10,.0f} events/s    (promised 80,000)   p99 {p99}, oldest waiting {age:.1f} s")
            for name, count in delivered.items():
                print(f"  delivered to {name:<10}        {count / seconds:>10,.0f} events/s")
            print(f"  resident memory                {memory['VmRSS']:>10,} MiB         (promised 96)       "
                  f"of it own {memory['RssAnon']}, mapped files {memory['RssFile'] + memory['RssShmem']}")
    finally:
        receiver.kill()
        receiver.wait()


class Sender:
    """So many messages a second to a gateway, in batches, on a thread."""

    def __init__(self, url, per_second):
        self.url, self.per_second, self.sent, self.is_running = url, per_second, 0, True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def send(self, count):
        batch = [dict(event(self.sent + i), messageId="page-%d" % (self.sent + i)) for i in range(count)]
        request = urllib.request.Request(self.url + "/v1/batch", json.dumps({"writeKey": "WK", "batch": batch}).encode())
        urllib.request.urlopen(request).read()
        self.sent += count

    def run(self):
        begun, before = time.monotonic(), self.sent
        while self.is_running:
            due = int((time.monotonic() - begun) * self.per_second) - (self.sent - before)
            if due > 0:
                self.send(min(due, 200))
            time.sleep(0.02)

    def stop(self):
        self.is_running = False
        self.thread.join()


WATCH_FRAMES = "(() => { const frame = () => requestAnimationFrame(frame); frame(); })()"
LIST = "document.getElementById('list')"


def use_the_page(browser, seconds):
    """What somebody does while messages pour in: watches, scrolls, filters, opens one."""
    time.sleep(seconds / 4)
    for step in range(20):
        browser.evaluate(f"{LIST}.scrollTop += {800 if step < 10 else -800}")
        time.sleep(seconds / 80)
    browser.evaluate("(() => { const e = document.getElementById('filter-event'); e.value = 'order'; e.dispatchEvent(new Event('input')); })()")
    time.sleep(seconds / 4)
    browser.evaluate(f"{LIST}.focus()")
    for _ in range(10):
        browser.press("j")
        browser.press("Enter")
        time.sleep(seconds / 40)


def frames_of(trace):
    """Milliseconds from each frame of the page to the next one; and of each task of its main thread, on a processor: what a
    frame would take on a machine that does nothing else."""
    fired = [each for each in trace if each["name"] == "FireAnimationFrame"]
    thread = fired[0]["pid"], fired[0]["tid"]
    at = sorted(each["ts"] for each in fired if (each["pid"], each["tid"]) == thread)
    tasks = [each["tdur"] / 1000 for each in trace if (each["pid"], each["tid"]) == thread and "tdur" in each]
    return sorted((b - a) / 1000 for a, b in zip(at, at[1:])), sorted(tasks)


def measure_page(directory, seconds, found):
    """10,000 messages in view and 1,000 new ones a second, by the browser's own trace."""
    sys.path.insert(0, str(ROOT / "tests/integration"))
    from browser import ABSENT, CHROMIUM, Browser
    if not CHROMIUM:
        print(ABSENT)
        return
    receiver = subprocess.Popen([PROGRAM, "sandbox", "--port", "0", "--quiet", "--count-only"], stdout=subprocess.PIPE, text=True)
    url = receiver.stdout.readline().split()[-1]
    browser = Browser()
    try:
        with Gateway(directory, False, **{"segment.host": url, "moengage.url": url, "moengage.app_id": "A", "moengage.data_api_key": "K",
                                          "gateway.page": True, "gateway.page_token": "of-the-benchmark"}) as gateway:
            browser.open(gateway.url + "/debug#token=of-the-benchmark")
            sender = Sender(gateway.url, 1000)
            browser.wait("document.getElementById('status-shown').textContent.startsWith('10,000 ')", "10,000 are in view")
            browser.evaluate(WATCH_FRAMES)
            begin, before, begun = browser.begin_trace(), sender.sent, time.monotonic()
            use_the_page(browser, seconds)
            rate = (sender.sent - before) / (time.monotonic() - begun)
            frames, tasks = frames_of(browser.end_trace(begin))
            missed = browser.evaluate("document.getElementById('status-missed').textContent")
            sender.stop()
            found["page"] = {"new_per_s": rate, "frames": len(frames), "longest_frame_ms": frames[-1], "p99_frame_ms": frames[int(len(frames) * .99)],
                             "longest_task_ms": tasks[-1], "memory_mib": gateway.memory_mib(), "missed": missed}
            print(f"page: 10,000 messages in view    {rate:>10,.0f} new/s        longest frame {frames[-1]:.0f} ms (promised 200), "
                  f"p99 {frames[int(len(frames) * .99)]:.0f} ms of {len(frames)}")
            print(f"  longest task of its thread     {tasks[-1]:>10,.1f} ms of processor time, p99 {tasks[int(len(tasks) * .99)]:.1f} ms")
    finally:
        browser.end()
        receiver.kill()
        receiver.wait()


MEASURES = {"single": measure_single, "batch": measure_batch, "carry": measure_carry, "page": measure_page}
LONG = {"carry", "page"}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--carry-seconds", type=int, default=10)
    options.add_argument("--only", default=",".join(MEASURES))
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    if not shutil.which("wrk"):
        print("not run: wrk is not installed (apt-get install wrk)")
        return 0
    found, begun = {}, time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="segmo-bench-"))
    try:
        for name in chosen.only.split(","):
            MEASURES[name](directory, chosen.carry_seconds if name in LONG else chosen.seconds, found)
    finally:
        shutil.rmtree(directory)
    print(f"({time.monotonic() - begun:.0f} s)")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
