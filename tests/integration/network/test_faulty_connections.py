"""Connections that break at any byte, in any way: nothing is lost, each user's order is kept, and what comes again comes under
its old messageId. `make network` runs the long form, 5,000 broken connections."""
import http.client
import json
import os
import time

import pytest

from fault_proxy import ANSWER, KINDS, REQUEST, Fault, FaultProxy, random_faults
from led_host import to_both, to_segment, tracks

LONG = bool(os.environ.get("SEGMO_LONG"))
WAYS = [(kind, side) for kind in KINDS for side in (REQUEST, ANSWER) if (kind, side) != ("garbage", REQUEST)]
FAULTS_EACH = 5000 // len(WAYS) + 1 if LONG else 12
PART = 200  # messages put at a time
OPTIONS = {"delivery.flush_at": 20, "delivery.timeout_ms": 500}


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def start_proxy(processes):
    return lambda *arguments, **options: processes(FaultProxy(*arguments, **options))


def put_until(host, enough, most_pending=5000):
    """Puts messages until there were faults enough; answers how many messages."""
    count = 0
    while not enough():
        if sum(of["pending"] for of in host.stats()["destinations"].values()) < most_pending:
            host.put_all(tracks(PART, first=count, users=400))
            count += PART
        else:
            time.sleep(0.01)
    return count


def check_arrival(host, sandbox, count, *destinations):
    """Every message once or, under the same messageId (for MoEngage: the same number), again; the order is kept."""
    assert host.flush(60000).ok
    for name in destinations:
        host.check_accounts(**{name + "_delivered": count, name + "_dead": 0})
        there = sandbox.stats(name)
        assert (there["unique"], there["seq"]["unique"]) == (count, count)
        assert there["accepted"] == there["unique"] + there["duplicates"]
        assert (there["order_violations"], there["rejected"]) == (0, {})


@pytest.mark.parametrize("kind, side", WAYS, ids=["%s, %s" % way for way in WAYS])
def test_any_byte(host, sandbox, start_proxy, spool, kind, side):
    proxy = start_proxy(sandbox.port, random_faults(1, kinds=[kind], side=side))
    assert host.open(to_segment(proxy.url, spool), OPTIONS).ok
    count = put_until(host, lambda: proxy.happened[kind, side] >= FAULTS_EACH)
    proxy.plan = lambda number: None
    check_arrival(host, sandbox, count, "segment")


@pytest.mark.parametrize("end", ["reset", "close"] if LONG else ["close"])
def test_an_answer_cut_at_every_byte(host, sandbox, start_proxy, spool, end):
    """Up to the last byte of the head it is no answer; from there on it may be one."""
    size = 250
    proxy = start_proxy(sandbox.port, lambda number: Fault(end, ANSWER, number) if number <= size else None)
    assert host.open(to_segment(proxy.url, spool), OPTIONS).ok
    count = put_until(host, lambda: proxy.connections >= size)
    check_arrival(host, sandbox, count, "segment")
    assert proxy.happened[end, ANSWER] > 100


def test_both_destinations_at_once(host, sandbox, start_proxy, spool):
    proxy = start_proxy(sandbox.port, random_faults(2))
    assert host.open(to_both(proxy.url, proxy.url, spool), OPTIONS, **{
        "moengage.events_per_minute": 1000000, "moengage.users_per_minute": 1000000}).ok
    count = put_until(host, lambda: sum(proxy.happened.values()) >= FAULTS_EACH)
    proxy.plan = lambda number: None
    check_arrival(host, sandbox, count, "segment", "moengage")


def test_within_tls(host, receive, certificate, start_proxy, spool):
    path = certificate("here", "IP:127.0.0.1")
    receiver = receive(certificate=path)
    proxy = start_proxy(receiver.port, random_faults(3, answer_bytes=6000))
    assert host.open(to_segment(proxy.url.replace("http:", "https:"), spool), OPTIONS,
                     **{"delivery.ca_file": path + ".crt"}).ok
    count = put_until(host, lambda: sum(proxy.happened.values()) >= FAULTS_EACH)
    proxy.plan = lambda number: None
    assert host.flush(60000).ok
    host.check_accounts(segment_delivered=count)
    arrived = {message["messageId"]: message["properties"]["seq"]
               for request in receiver.requests for message in request.batch}
    assert sorted(arrived.values()) == list(range(count))


# ---- the other end: what a gateway takes in --------------------------------------------------------------


def test_a_gateway_behind_a_bad_network_takes_each_message_once(start_gateway, sandbox, start_proxy):
    """Its clients send again what they heard no answer to."""
    gateway = start_gateway(sandbox, **{"gateway.body_timeout_ms": 1000})
    proxy = start_proxy(gateway.port, random_faults(4, share=0.7, kinds=["reset", "close", "half_close", "garbage", "drip"]))
    batches = repeated = 0
    while sum(proxy.happened.values()) < FAULTS_EACH * 3:
        messages = tracks(20, first=20 * batches)
        while not posted(proxy.port, messages):
            repeated += 1
        batches += 1
    assert repeated > 0
    gateway.wait_for_metric("destination_delivered_total", batches * 20)
    there = sandbox.stats("segment")
    assert (there["unique"], there["duplicates"], there["order_violations"]) == (batches * 20, 0, 0)
    assert gateway.metric("destination_accepted_total") == batches * 20


def posted(port, messages):
    """1 when the gateway said that it has them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/v1/batch", json.dumps({"writeKey": "WKSHOP", "batch": messages}),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read()) == {"success": True}
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
