#!/usr/bin/env python3
"""kill -9 at random moments: producers, deliverers, a gateway under load, during adoption, during a reload of the
settings, during an import. Afterwards everything that was accepted must have arrived.

    kills.py [--kills 500] [--seed N] [--parts producer,gateway,...]

Prints a row for each part: how many kills, what was accepted (answered OK before the kill), what arrived, lost and
doubled, and how many doubled messages the promise allows (batch size x requests in flight, per kill). The exit code
is 1 when something was lost or too much doubled. A seed repeats the moments as far as a machine does.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from gateway import Gateway  # noqa: E402
from harness import ENVIRONMENT, PROGRAM, Process, Sandbox, wait_until  # noqa: E402

PRODUCER = pathlib.Path(PROGRAM).parent / "integration" / "producer"
BATCH, IN_FLIGHT = 100, 32  # the defaults
ALLOWED_PER_KILL = BATCH * IN_FLIGHT
SENT_AT_ONCE = 10  # to a gateway
SHARES = {"producer": 0.4, "deliverer": 0.16, "adoption": 0.12, "gateway": 0.12, "resending": 0.04, "reload": 0.08,
          "import": 0.08}


@dataclass
class Outcome:
    kills: int
    accepted: int
    lost: int
    doubled: int
    allowed: int

    def is_kept(self):
        return self.lost == 0 and self.doubled <= self.allowed

    def __add__(self, other):
        return Outcome(self.kills + other.kills, self.accepted + other.accepted, self.lost + other.lost,
                       self.doubled + other.doubled, self.allowed + other.allowed)


class Peer:
    """A sandbox that notes every message; what arrived is read once at the end."""

    def __init__(self, where):
        self.record = where / "received.ndjson"
        self.sandbox = Sandbox("--record", str(self.record), "--keep", "1", "--quiet")

    def arrivals(self):
        """How often each messageId came."""
        counts = {}
        if self.record.exists():
            with open(self.record, encoding="utf-8") as lines:
                for line in lines:
                    message_id = json.loads(line)["message"]["messageId"]
                    counts[message_id] = counts.get(message_id, 0) + 1
        return counts

    def outcome(self, kills, accepted, allowed_per_kill=ALLOWED_PER_KILL):
        counts = self.arrivals()
        return Outcome(kills, len(accepted), len(accepted - counts.keys()), sum(counts.values()) - len(counts),
                       kills * allowed_per_kill)


class Host:
    """The host program of the integration tests, and the ledger of what it was told is accepted."""

    def __init__(self, where, peer):
        self.ledger, self.spool, self.url = where / "accepted", where / "spool", peer.sandbox.url

    def start(self, mode, first, count, many):
        return Process([str(PRODUCER), mode, str(self.ledger), str(self.spool), self.url, str(first), str(count),
                        str(many)], stdout=subprocess.DEVNULL)

    def finish(self):
        """A client that takes over and sends all that is left."""
        process = self.start("finish", 0, 0, 1)
        assert process.popen.wait(300) == 0, "the last client could not deliver"

    def accepted(self):
        return {"m-%d" % at for at, byte in enumerate(self.ledger.read_bytes()) if byte}

    def is_accepted(self, seq):
        if not self.ledger.exists():
            return False
        with open(self.ledger, "rb") as ledger:
            ledger.seek(seq)
            return ledger.read(1) == b"\1"


# ---- the parts ---------------------------------------------------------------------------------------------------


def kill_producers(kills, dice, where, peer):
    """One process forks a child after the other, each with a client of its own, and kills it."""
    host = Host(where, peer)
    done, each = 0, 500
    while done < kills:
        rounds = min(each, kills - done)
        assert host.start("kills", done * 200, 200, rounds).popen.wait(600) == 0
        done += rounds
    host.finish()
    return peer.outcome(kills, host.accepted())


def kill_deliverers(kills, dice, where, peer):
    """The peer takes its time, so that requests are on their way when the process dies."""
    host = Host(where, peer)
    peer.sandbox.script({"latency_ms": 5})
    for turn in range(kills):
        process = host.start("produce", turn * 400, 400, 4)
        wait_until(lambda: host.is_accepted(turn * 400), "the first message is accepted")
        time.sleep(dice.random() * 0.06)
        process.kill()
    peer.sandbox.script()
    host.finish()
    return peer.outcome(kills, host.accepted())


def kill_adopters(kills, dice, where, peer):
    """Several take over at once what a dead process left, and die of it."""
    host = Host(where, peer)
    killed = turn = 0
    while killed < kills:
        peer.sandbox.script({"status": 503})
        assert host.start("leave", turn * 300, 300, 1).popen.wait(60) == 0
        peer.sandbox.script({"latency_ms": 2})
        adopters = [host.start("finish", 0, 0, 1) for _ in range(min(3, kills - killed))]
        for adopter in adopters:
            time.sleep(dice.random() * 0.012)
            killed += adopter.popen.poll() is None
            adopter.kill()
        turn += 1
    peer.sandbox.script()
    host.finish()
    return peer.outcome(killed, host.accepted())


class Sender:
    """Sends batches; one that was not answered is sent again to the next gateway, as a client library does."""

    def __init__(self, name):
        self.name, self.number, self.answered = name, 0, set()

    def send_until_dead(self, gateway):
        connection = gateway.connect()
        while True:
            ids = ["%s-%d-%d" % (self.name, self.number, i) for i in range(SENT_AT_ONCE)]
            batch = [{"type": "track", "userId": "u-" + self.name, "event": "Lamp Lit", "messageId": each} for each in ids]
            try:
                answer = gateway.request("POST", "/v1/batch", {"writeKey": "WKSHOP", "batch": batch},
                                         connection=connection)
            except (OSError, http.client.HTTPException):
                return
            assert answer.status == 200, answer.text
            self.answered.update(ids)
            self.number += 1


def rewrite_settings(gateway, stop):
    """As an operator does: written beside, put in place at once."""
    beside, count = gateway.file.with_suffix(".new"), 0
    while not stop.is_set():
        count += 1
        options = dict(gateway.options, **{"delivery.flush_at": 50 + count % 50})
        options["sources"] = options["sources"] + [{"id": "extra-%d" % (count % 3), "segment.write_key": "WKX%d" % (count % 3)}]
        beside.write_text(json.dumps(options), encoding="utf-8")
        os.replace(beside, gateway.file)
        gateway.popen.send_signal(1)  # SIGHUP: now
        time.sleep(0.005)


def kill_gateways(kills, dice, where, peer, reload=False, allowed_per_kill=ALLOWED_PER_KILL, **options):
    senders = [Sender("a"), Sender("b")]
    for _ in range(kills):
        gateway = Gateway(where, peer.sandbox, **options)
        stop, threads = threading.Event(), []
        for sender in senders:
            threads.append(threading.Thread(target=sender.send_until_dead, args=(gateway,)))
        if reload:
            threads.append(threading.Thread(target=rewrite_settings, args=(gateway, stop)))
        for thread in threads:
            thread.start()
        time.sleep(dice.random() * 0.15)
        gateway.kill()
        stop.set()
        for thread in threads:
            thread.join()
    answered = set().union(*(sender.answered for sender in senders))
    gateway = Gateway(where, peer.sandbox)
    wait_until(lambda: peer.sandbox.stats("segment")["unique"] >= len(answered), "what was answered has arrived",
               patience_s=300)
    assert gateway.stop() == 0
    return peer.outcome(kills, answered, allowed_per_kill)


def kill_gateways_while_settings_change(kills, dice, where, peer):
    return kill_gateways(kills, dice, where, peer, reload=True)


def kill_gateways_that_only_store(kills, dice, where, peer):
    """No delivery, so nothing is in flight: a batch that is sent again is known by its ids. Only the one request that
    is being handled may come twice: its messages are appended before its ids are confirmed."""
    return kill_gateways(kills, dice, where, peer, allowed_per_kill=SENT_AT_ONCE, **{"delivery.enabled": False})


def kill_imports(kills, dice, where, peer):
    """Each file is imported again until its import was killed ten times; then it is let through."""
    lines, killed, files = 3000, 0, 0
    options = ["--set", "spool.dir=%s" % (where / "spool"), "--set", "segment.write_key=WK",
               "--set", "segment.host=%s" % peer.sandbox.url]
    accepted = set()
    while killed < kills:
        path = where / ("events-%d.ndjson" % files)
        ids = ["i-%d-%d" % (files, n) for n in range(lines)]
        path.write_text("".join(json.dumps({"type": "track", "userId": "u-%d" % (n % 50), "event": "Lamp Lit",
                                            "messageId": each}) + "\n" for n, each in enumerate(ids)), encoding="utf-8")
        for _ in range(min(10, kills - killed)):
            running = import_file(path, options)
            time.sleep(dice.random() * 0.05)
            killed += running.popen.poll() is None
            running.kill()
        assert import_file(path, options).popen.wait(300) == 0
        accepted.update(ids)
        files += 1
    return peer.outcome(killed, accepted)


def import_file(path, options):
    return Process([PROGRAM, "import", str(path), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=ENVIRONMENT)


PARTS = {"producer": kill_producers, "deliverer": kill_deliverers, "adoption": kill_adopters, "gateway": kill_gateways,
         "resending": kill_gateways_that_only_store, "reload": kill_gateways_while_settings_change, "import": kill_imports}


# ---- all of them -------------------------------------------------------------------------------------------------


def run(part, kills, seed):
    with tempfile.TemporaryDirectory(prefix="segmo-kills-") as directory:
        where = pathlib.Path(directory)
        peer = Peer(where)
        try:
            return PARTS[part](kills, random.Random("%s-%s" % (part, seed)), where, peer)
        finally:
            peer.sandbox.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--parts", default=",".join(PARTS))
    wanted = parser.parse_args()
    parts = wanted.parts.split(",")
    whole = sum(SHARES[part] for part in parts)
    print("seed %d" % wanted.seed)
    print("%-10s %7s %10s %6s %8s %14s" % ("part", "kills", "accepted", "lost", "doubled", "allowed"))
    total, kept = Outcome(0, 0, 0, 0, 0), True
    for part in parts:
        found = run(part, max(1, round(wanted.kills * SHARES[part] / whole)), wanted.seed)
        show(part, found)
        kept = kept and found.is_kept()
        total += found
    show("all", total)
    return 0 if kept else 1


def show(part, found):
    print("%-10s %7d %10d %6d %8d %14d" % (part, found.kills, found.accepted, found.lost, found.doubled, found.allowed),
          flush=True)


if __name__ == "__main__":
    sys.exit(main())
