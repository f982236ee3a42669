"""One library in one process, for tests/bench/python.py. Prints one JSON line.

    python_calls.py call segmo|peer URL EVENTS DIR --count N [--json own|orjson] [--held] [--busy]
    python_calls.py e2e  segmo|peer URL EVENTS DIR --count N

`call` times each track() with delivery running at full speed beside it (with --held: none), and json.dumps of the
same event; with --busy another thread computes meanwhile. `e2e` goes from the first call to the last answer, with gzip, and counts its CPU.
"""
import argparse
import json
import os
import resource
import threading
import time

CLOCK = time.perf_counter_ns
PEER_QUEUE = 10000


class Segmo:
    def __init__(self, options):
        import segmo
        from segmo import _convert
        if options.json == "own":
            _convert._encode = _convert._encode_own
        elif _convert.orjson is None:
            raise SystemExit("orjson is not installed")
        self.held = options.held
        self.client = segmo.Client(segment_write_key="WK", segment_host=options.url, spool_dir=options.dir,
                                   delivery_enabled=not self.held)

    def track(self, event):
        self.client.track(event["userId"], event["event"], event["properties"], context=event["context"])

    def wait_for_room(self):
        pass

    def finish(self):
        if not self.held and not self.client.flush(600):
            raise SystemExit("not everything was delivered")


class Peer:
    def __init__(self, options):
        import logging

        from segment.analytics.client import Client
        logging.getLogger("backoff").setLevel(logging.CRITICAL)
        unbounded = 0 if options.mode == "call" else PEER_QUEUE
        self.client = Client("WK", host=options.url, gzip=True, max_queue_size=unbounded, on_error=lambda *_: None)

    def track(self, event):
        self.client.track(event["userId"], event["event"], event["properties"], dict(event["context"]))

    def wait_for_room(self):
        while self.client.queue.qsize() >= PEER_QUEUE - 1:
            time.sleep(0.002)

    def finish(self):
        self.client.flush()


def read_events(path):
    """The events as an application has them: without what a library adds."""
    with open(path) as lines:
        events = [json.loads(line) for line, _ in zip(lines, range(1000))]
    for event in events:
        event.pop("messageId"), event.pop("timestamp")
    return events


def compute(stop):
    number = 0
    while not stop.is_set():
        number = (number * 1103515245 + 12345) % 2147483648


def figures(nanoseconds):
    ordered = sorted(nanoseconds)
    return {"p50": ordered[len(ordered) // 2] / 1000, "p99": ordered[len(ordered) * 99 // 100] / 1000,
            "mean": sum(ordered) / len(ordered) / 1000}


def call(library, events, options):
    stop = threading.Event()
    if options.busy:
        threading.Thread(target=compute, args=(stop,), daemon=True).start()
    clock = figures([-(CLOCK() - CLOCK()) for _ in range(5000)])["p50"]
    calls, dumps = [], []
    for number in range(options.count):
        event = events[number % len(events)]
        start = CLOCK()
        json.dumps(event)
        middle = CLOCK()
        library.track(event)
        end = CLOCK()
        dumps.append(middle - start)
        calls.append(end - middle)
    stop.set()
    library.finish()
    return {"track": figures(calls), "dumps": figures(dumps), "clock_us": clock}


def e2e(library, events, options):
    before, start = resource.getrusage(resource.RUSAGE_SELF), CLOCK()
    for number in range(options.count):
        library.wait_for_room()
        library.track(events[number % len(events)])
    library.finish()
    seconds, after = (CLOCK() - start) / 1e9, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"events_per_s": options.count / seconds, "cpu_s_per_100k": cpu * 100000 / options.count,
            "peak_mib": after.ru_maxrss / 1024}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["call", "e2e"])
    parser.add_argument("library", choices=["segmo", "peer"])
    parser.add_argument("url"), parser.add_argument("events"), parser.add_argument("dir")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--json", choices=["own", "orjson"], default="own")
    parser.add_argument("--held", action="store_true")
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    library = {"segmo": Segmo, "peer": Peer}[options.library](options)
    print(json.dumps({"call": call, "e2e": e2e}[options.mode](library, read_events(options.events), options)), flush=True)
    os._exit(0)  # what is held would be waited for


if __name__ == "__main__":
    main()
