"""A service behind a network of its own (a network namespace, nftables as its rude firewall) that drops, resets, swallows and
flaps, and name servers that fail. Needs root; `make network` lets the network flap for 10 minutes."""
import json
import os
import pathlib
import random
import shutil
import socketserver
import struct
import subprocess
import threading
import time

import pytest

from harness import PROGRAM, SANITIZED, Sandbox, wait_until
from led_host import ATTEMPT, CLOCK_HOST, HOST, LedHost, to_segment, tracks

LONG = bool(os.environ.get("SEGMO_LONG"))
FLAPPING_S = 600 if LONG else 4
CAP_MS, TIMEOUT_MS, CONNECT_MS = (1000, 1000, 500) if LONG else (400, 300, 200)
OPTIONS = {"delivery.allow_plain_http": "true", "delivery.backoff_cap_ms": CAP_MS, "delivery.timeout_ms": TIMEOUT_MS,
           "delivery.connect_timeout_ms": CONNECT_MS, "delivery.backoff_base_ms": 50, "delivery.flush_at": 20}
# A pause that nobody sits through: what arrives after one has passed by the clocks did not wait for another.
LONG_PAUSES = {**OPTIONS, "delivery.backoff_cap_ms": 600000, "delivery.backoff_base_ms": 600000,
               "delivery.timeout_ms": 1500, "delivery.connect_timeout_ms": 1500, "reports.attempts": "true"}
WITHIN_A_CAP_MS = 660001  # with its jitter
PORT = 8099

pytestmark = pytest.mark.skipif(SANITIZED, reason="not run: the network is the same under a sanitizer")


def run(*command, check=True, **options):
    return subprocess.run(list(map(str, command)), check=check, capture_output=True, text=True, **options)


class Network:
    """A network namespace with one wire to ours. `rules` decide about what arrives there."""

    def __init__(self, number):
        self.name = "segmo-%d" % number
        self.wire, self.far_wire = "sg%d" % number, "sh%d" % number
        subnet = "10.231.%d" % (number % 250)
        self.address, self.far = subnet + ".1", subnet + ".2"

    def make(self):
        run("ip", "link", "add", self.wire, "type", "veth", "peer", "name", self.far_wire, "netns", self.name)
        run("ip", "address", "add", self.address + "/24", "dev", self.wire)
        run("ip", "link", "set", self.wire, "up")
        self.inside("ip", "address", "add", self.far + "/24", "dev", self.far_wire)
        self.inside("ip", "link", "set", self.far_wire, "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.rules()

    def inside(self, *command, **options):
        return run("ip", "netns", "exec", self.name, *command, **options)

    def rules(self, *rules):
        """For what comes over the wire, all at once in the place of the old ones: rules("tcp dport 8099 drop")."""
        text = "table inet segmo\ndelete table inet segmo\ntable inet segmo {\nchain input {\ntype filter hook input priority 0;\n"
        self.inside("nft", "-f", "-", input=text + "".join("iifname %s %s\n" % (self.far_wire, rule) for rule in rules) + "}\n}\n")

    def unplug(self):
        """At the far end: were ours down, the machine would look for another way, and others could answer."""
        self.inside("ip", "link", "set", self.far_wire, "down")

    def plug(self):
        self.inside("ip", "link", "set", self.far_wire, "up")

    def end(self):
        run("ip", "netns", "delete", self.name, check=False)
        run("ip", "link", "delete", self.wire, check=False)


@pytest.fixture
def network(processes):
    """The process that a test starts last is ended first, so the network outlives what runs in it."""
    missing = [tool for tool in ("ip", "nft") if not shutil.which(tool)]
    if missing:
        pytest.skip("not run: %s is not installed" % " and ".join(missing))
    network = Network(os.getpid() % 10000)
    made = run("ip", "netns", "add", network.name, check=False)
    if made.returncode != 0:
        pytest.skip("not run: no network namespace can be made here: %s" % made.stderr.strip())
    usable = network.inside("nft", "list", "ruleset", check=False)
    if usable.returncode != 0:
        network.end()
        pytest.skip("not run: nothing can be run in a network namespace here: %s" % usable.stderr.strip())
    processes(network).make()
    return network


class FarSandbox(Sandbox):
    """A sandbox inside the namespace, asked for its counts from inside: the firewall is not for the test."""

    def __init__(self, network):
        self.network = network
        self.url, self.host, self.port = "http://%s:%d" % (network.far, PORT), network.far, PORT
        self.popen = subprocess.Popen(
            ["ip", "netns", "exec", network.name, PROGRAM, "sandbox", "--listen", network.far, "--port", str(PORT),
             "--quiet", "--keep", "100000"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.popen.stdout.readline().startswith("segmo sandbox: ")

    def request(self, method, path, body=None, headers=None, connection=None):
        done = self.network.inside("curl", "-sS", "-X", method, *(["-d", body] if body else []), self.url + path)
        return Said(done.stdout)


class Said:
    def __init__(self, text):
        self.status, self.text = 200, text

    @property
    def json(self):
        return json.loads(self.text)


@pytest.fixture
def far(network, processes):
    return processes(FarSandbox(network))


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def clock_host(processes):
    """A host program whose clocks can be moved."""
    led = processes(LedHost(CLOCK_HOST))
    yield led
    led.popen.stdin.close()
    assert led.wait() == 0


def let_a_cap_pass(host):
    """What was under way when the network came back may still fail, and pauses then; every pause there is ends within a cap."""
    begun = host.stats("segment")["requests"]
    wait_until(lambda: len(host.reported(ATTEMPT)) >= begun, "what was under way has ended", 120)
    host.shift(WITHIN_A_CAP_MS)


def let_caps_pass(host):
    """Moving the clock on cuts off a request that has just begun, which then pauses too: caps pass until all has arrived."""
    for _ in range(10):
        let_a_cap_pass(host)
        if host.flush(5000).ok:
            return


def private_mb(host):
    status = pathlib.Path("/proc/%d/status" % host.popen.pid).read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def check_all(host, far, count):
    assert host.flush(60000).ok
    host.check_accounts(segment_delivered=count, segment_dead=0)
    there = far.stats("segment")
    assert (there["unique"], there["seq"]["unique"], there["order_violations"]) == (count, count, 0)


TROUBLES = {
    "requests are dropped": ["tcp dport 8099 drop"],
    "data is dropped, connecting works": ["tcp dport 8099 tcp flags & (syn | psh) == psh drop"],
    "connections are reset": ["tcp dport 8099 reject with tcp reset"],
    "nobody is there": ["tcp dport 8099 reject with icmpx type host-unreachable"],
    "two of three packets are lost": ["tcp dport 8099 numgen random mod 3 != 0 drop"],
}


@pytest.mark.parametrize("trouble", [*TROUBLES, "the cable is out"])
def test_what_a_network_does_to_packets_costs_no_message(clock_host, network, far, spool, trouble):
    """And once the network is back, everything arrives when caps have passed."""
    host = clock_host
    assert host.open(to_segment(far.url, spool), LONG_PAUSES).ok
    host.put_all(tracks(200))
    assert host.flush().ok  # connections are open and in use
    if trouble in TROUBLES:
        network.rules(*TROUBLES[trouble])
    else:
        network.unplug()
    host.put_all(tracks(1000, first=200))

    def tried_again():
        host.shift(WITHIN_A_CAP_MS)
        return host.stats("segment")["retries"] >= 2
    wait_until(tried_again, "it was tried again")
    network.rules()
    network.plug()
    let_caps_pass(host)
    check_all(host, far, 1200)


def flap(host, network):
    """Up and down at random, by six kinds of trouble. Answers how many messages were accepted, and the most memory."""
    dice = random.Random(1)
    kinds = [*TROUBLES, "the cable is out"]
    count, memory_mb = 0, 0
    end = time.monotonic() + FLAPPING_S
    while time.monotonic() < end:
        kind = dice.choice(kinds)
        network.rules(*TROUBLES.get(kind, ()))
        if kind not in TROUBLES:
            network.unplug()
        until = time.monotonic() + dice.uniform(0.1, 3)
        while time.monotonic() < until:
            host.put_all(tracks(20, first=count, users=40))
            count += 20
            time.sleep(0.02)
        network.rules()
        network.plug()
        time.sleep(dice.uniform(0, 1))
        memory_mb = max(memory_mb, private_mb(host))
    return count, memory_mb


def test_a_network_that_flaps_costs_no_message_and_no_memory(clock_host, network, far, spool):
    """How long it took to recover is printed; that one cap is enough is tried once more by the clocks."""
    host = clock_host
    assert host.open(to_segment(far.url, spool), OPTIONS).ok
    count, memory_mb = flap(host, network)
    network.rules("tcp dport 8099 drop")
    host.put_all(tracks(1000, first=count, users=40))
    count += 1000
    wait_until(lambda: host.stats("segment")["pending"] >= 1000, "messages wait")
    time.sleep((CAP_MS + CONNECT_MS + TIMEOUT_MS) / 1000)  # everything that can be under way is
    before, arrived_before = host.stats("segment")["delivered"], far.stats("segment")["accepted"]
    assert before < count
    network.rules()
    up = time.monotonic()
    wait_until(lambda: host.stats("segment")["delivered"] > before, "the first message after the outage arrives")
    recovery_ms = (time.monotonic() - up) * 1000
    check_all(host, far, count)
    print("%d messages in %d s of flapping: 0 lost, %d came again; private memory %.1f MB at most; the first message came "
          "%d ms after the network, with a cap of %d ms" % (count, FLAPPING_S, far.stats("segment")["duplicates"], memory_mb,
                                                            recovery_ms, CAP_MS))
    assert memory_mb < 32
    arrived = [entry["message"]["properties"]["seq"]
               for entry in far.messages(limit=far.stats("segment")["accepted"] - arrived_before)]
    assert sorted(arrived).index(arrived[0]) < len(arrived) / 4  # the oldest come first
    host.close()
    assert host.open(to_segment(far.url, spool), LONG_PAUSES).ok
    network.rules("tcp dport 8099 drop")
    host.put_all(tracks(1000, first=count, users=40))
    wait_until(lambda: host.reported(ATTEMPT), "it was tried")
    network.rules()
    let_a_cap_pass(host)
    assert host.flush(60000).ok
    host.check_accounts(segment_delivered=1000, segment_dead=0)
    assert far.stats("segment")["unique"] == count + 1000


# ---- names ------------------------------------------------------------------------------------------------


class NameServer(socketserver.ThreadingUDPServer):
    """Answers every question for an address with `code` (0: with `address`), or not at all (None)."""
    daemon_threads = True

    def __init__(self, address):
        self.answer, self.code, self.questions = address, 3, 0
        super().__init__((address, 53), self.Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            server, (data, reply) = self.server, self.request
            server.questions += 1
            if server.code is None:
                return
            end = data.index(b"\0", 12) + 5
            is_ipv4 = data[end - 4:end - 2] == b"\0\1"
            records = 1 if server.code == 0 and is_ipv4 else 0
            answer = data[:2] + struct.pack(">HHHHH", 0x8180 | server.code, 1, records, 0, 0) + data[12:end]
            if records:
                answer += struct.pack(">HHHIH4s", 0xC00C, 1, 1, 0, 4, bytes(map(int, server.far.split("."))))
            reply.sendto(answer, self.client_address)


@pytest.fixture
def named_host(network, processes, tmp_path):
    """A host program that asks our name server: `ip netns exec` gives it a resolv.conf of its own."""
    server = processes(NameServer(network.address))
    server.far = network.far
    conf = pathlib.Path("/etc/netns/%s-names" % network.name)
    conf.mkdir(parents=True)
    (conf / "resolv.conf").write_text("nameserver %s\noptions timeout:1 attempts:1\n" % network.address)
    # A namespace of mounts alone: the names are asked for over the network that we are in ourselves.
    wrapper = tmp_path / "host"
    wrapper.write_text("#!/bin/sh\nexec unshare --mount --propagation private sh -c "
                       "'mount --bind %s/resolv.conf /etc/resolv.conf && exec %s'\n" % (conf, HOST))
    wrapper.chmod(0o755)
    led = processes(LedHost(wrapper))
    yield led, server
    led.popen.stdin.close()
    assert led.wait() == 0
    shutil.rmtree(conf)


@pytest.mark.parametrize("code, what", [(3, "there is no such name"), (2, "the server fails"), (5, "it refuses"),
                                        (None, "it does not answer")], ids=["NXDOMAIN", "SERVFAIL", "REFUSED", "silence"])
def test_names_that_cannot_be_resolved_are_an_outage(named_host, far, spool, code, what):
    """No pause and no dead letter: a name server that fails is what an outage of the network looks like."""
    host, server = named_host
    server.code = code
    assert host.open(to_segment("http://events.segmo.example:%d" % PORT, spool), OPTIONS).ok
    host.put_all(tracks(100))
    wait_until(lambda: host.stats("segment")["retries"] >= 2, "it was tried again")
    assert server.questions > 0
    host.check_accounts(segment_pending=100, segment_dead=0)
    failure = host.stats("segment")["last_failure"]
    assert (failure["reason"], failure["status"]) == ("no_answer", 0)
    server.code = 0
    assert host.flush(60000).ok
    host.check_accounts(segment_delivered=100)


def test_a_name_server_that_is_silent_does_not_hold_up_the_other_destination(named_host, start_sandbox, spool):
    host, server = named_host
    server.code = None
    near = start_sandbox()
    assert host.open(to_segment("http://events.segmo.example:%d" % PORT, spool), OPTIONS, **{
        "moengage.app_id": "APP1", "moengage.data_api_key": "KEY1", "moengage.url": near.url}).ok
    host.put_all(tracks(100))
    host.wait_delivered(100, "moengage")
    host.check_accounts(segment_pending=100)
    host.close(0)


def test_a_service_that_moves_to_another_address_is_found(named_host, far, network, spool):
    """The old address stays silent; the name leads to the new one."""
    host, server = named_host
    server.code = 0
    assert host.open(to_segment("http://events.segmo.example:%d" % PORT, spool), OPTIONS).ok
    host.put_all(tracks(100))
    assert host.flush().ok
    network.inside("ip", "address", "add", network.far + "2/24", "dev", network.far_wire)
    network.rules("ip daddr %s tcp dport %d drop" % (network.far, PORT))
    server.far = network.far + "2"
    second = subprocess.Popen(["ip", "netns", "exec", network.name, PROGRAM, "sandbox", "--listen", network.far + "2", "--port",
                               str(PORT), "--quiet"], stdout=subprocess.PIPE, text=True)
    try:
        second.stdout.readline()
        host.put_all(tracks(100, first=100))
        assert host.flush(60000).ok
        host.check_accounts(segment_delivered=200)
    finally:
        second.kill()
        second.wait()
