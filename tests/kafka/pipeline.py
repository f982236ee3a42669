"""What stands around a cluster: a sandbox, gateways and workers of the built program, and real events."""
import base64
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = Path(os.environ.get("SEGMO_PROGRAM", ROOT / "build/release/segmo"))
# Options of whoever runs this are no part of what is tested.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SEGMO_")}
WRITE_KEY, APP_ID, API_KEY = "WK-run-kafka", "APPRUNKAFKA", "data-api-key"
USERS = 200


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


class Program:
    def __init__(self, directory, name, *arguments):
        self.name, self.log = name, directory / f"{name}.log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=log, stderr=log, env=ENVIRONMENT)

    def stop(self, limit_s=60):
        self.process.terminate()
        return self.process.wait(limit_s)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Pipeline:
    def __init__(self, cluster, directory):
        self.cluster, self.directory = cluster, Path(directory)
        self.running, self.gateways, self.workers = [], {}, {}
        self.sandbox = subprocess.Popen(
            [PROGRAM, "sandbox", "--port", "0", "--quiet", "--write-key", WRITE_KEY, "--app-id", APP_ID,
             "--api-key", API_KEY], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        self.url = self.sandbox.stdout.readline().split()[-1]
        self.config = self.directory / "segmo.json"
        self.config.write_text(json.dumps({
            "segment": {"host": self.url, "write_key": WRITE_KEY},
            "moengage": {"url": self.url, "app_id": APP_ID, "data_api_key": API_KEY, "events_per_minute": 100000000,
                         "users_per_minute": 100000000},
            "delivery": {"backoff_base_ms": 100, "backoff_cap_ms": 1000},
            "kafka": {"bootstrap.servers": cluster.servers, "session.timeout.ms": 6000,
                      "heartbeat.interval.ms": 1000, "retry.backoff.ms": 100},
        }, indent=1))

    def start(self, name, command, *options):
        program = Program(self.directory, name, command, "--config", self.config, *options)
        self.running.append(program)
        return program

    def start_gateway(self, number, port):
        name = f"gateway-{number}"
        self.gateways[name] = f"http://127.0.0.1:{port}"
        self.start(name, "serve", "--listen", f"127.0.0.1:{port}", "--set",
                   f"spool.dir={self.directory / name}", "--set", "gateway.duplicates_ms=0", "--set", "gateway.strict=true")
        self.wait_ready(self.gateways[name], "/healthz")

    def start_worker(self, number, port):
        name = f"worker-{number}"
        self.workers[name] = f"http://127.0.0.1:{port}"
        program = self.start(name, "work", "--listen", f"127.0.0.1:{port}")
        self.wait_ready(self.workers[name], "/healthz")
        return program

    @staticmethod
    def wait_ready(url, path, limit_s=60):
        end = time.monotonic() + limit_s
        while True:
            try:
                return get(url + path)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def send_batch(self, url, messages):
        """The gateway's answer means that they are on its disk."""
        request = urllib.request.Request(f"{url}/v1/batch", json.dumps({"batch": messages}).encode(), {
            "Content-Type": "application/json", "Authorization": "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode()})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def send(self, url, first, count, step=1, batch=100):
        """Tracks with the property seq, `first` and on."""
        seqs = range(first, first + count * step, step)
        for at in range(0, count, batch):
            self.send_batch(url, [
                {"type": "track", "userId": f"user-{seq % USERS}", "event": "Step", "messageId": f"m-{seq}",
                 "properties": {"seq": seq, "plan": "pro", "price": 9.5}} for seq in seqs[at:at + batch]])

    def script(self, service, rules):
        """What the sandbox does from now on instead of taking everything."""
        body = json.dumps({"service": service, "rules": rules}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/script", body), timeout=30) as answer:
            assert answer.status == 200

    def send_through_both(self, count):
        """Each user has one gateway: order per user is kept in a process, not between two."""
        half = [threading.Thread(target=self.send, args=(url, at, count // 2, 2))
                for at, url in enumerate(self.gateways.values())]
        for thread in half:
            thread.start()
        return half

    def received(self):
        return json.loads(get(self.url + "/stats"))

    def wait_received(self, count, limit_s, on_wait=lambda: None):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            stats = self.received()
            if all(stats[service]["seq"]["unique"] >= count for service in ("segment", "moengage")):
                return True
            on_wait()
            time.sleep(0.5)
        return False

    def metrics(self, url):
        """name and labels -> value"""
        lines = (line.rsplit(" ", 1) for line in get(url + "/metrics").decode().splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    def topic_stats(self):
        """What the program tells of the topic and of who works on it."""
        told = subprocess.run([PROGRAM, "stats", "--json", "--config", self.config, "--set", f"spool.dir={self.directory / 'gateway-1'}"],
                              stdout=subprocess.PIPE, env=ENVIRONMENT, check=True)
        return json.loads(told.stdout)["kafka"]

    def account(self):
        """What gateways and workers say of each destination: accepted, delivered, pending, dead, skipped."""
        total = {}
        for url, wanted in [*((url, ("kafka",)) for url in self.gateways.values()),
                            *((url, ("segment", "moengage")) for url in self.workers.values())]:
            metrics = self.metrics(url)
            for name in wanted:
                of = total.setdefault(name, dict.fromkeys(("accepted", "delivered", "pending", "dead", "skipped"), 0))
                label = '{destination="%s"' % name
                of["accepted"] += metrics.get(f"segmo_destination_accepted_total{label}}}", 0)
                of["delivered"] += metrics.get(f"segmo_destination_delivered_total{label}}}", 0)
                of["pending"] += metrics.get(f"segmo_destination_pending{label}}}", 0)
                of["pending"] += metrics.get(f"segmo_worker_held{label}}}", 0)
                for what in ("dead", "skipped"):
                    of[what] += sum(value for key, value in metrics.items()
                                    if key.startswith(f"segmo_destination_{what}_total{label},"))
        return total

    def stop(self):
        for program in self.running:
            if program.process.poll() is None:
                program.process.kill()
                program.process.wait()
        self.sandbox.kill()
        self.sandbox.wait()
        self.sandbox.stdout.close()


def fail(words):
    print(words, file=sys.stderr)
    return 1
