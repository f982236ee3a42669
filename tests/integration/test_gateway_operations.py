"""Running a gateway: changed settings, the campaign export, health and counts, stopping and dying."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from gateway import LISTENING, basic
from harness import ENVIRONMENT, PROGRAM, SANITIZED, wait_until

TRACK = {"userId": "u-1", "event": "Lamp Lit"}
SECRET = {"gateway.export_secret": "s3cret", "gateway.export_source": "shop"}


def ids_of(peer):
    return [each["message"]["messageId"] for each in peer.messages(limit=100000)]


# ---- settings ------------------------------------------------------------------------------------

def test_a_source_added_to_the_file_is_known_within_a_second(start_gateway):
    gateway = start_gateway()
    gateway.post("/v1/track", TRACK, key="WKNEW")
    gateway.write(sources=gateway.options["sources"] + [{"id": "new", "segment.write_key": "WKNEW"}])
    gateway.wait_for_line(r'"event":"settings_in_force"')
    gateway.post("/v1/track", TRACK, key="WKNEW")
    assert gateway.metric("accepted_total", source="new") == 1


def test_sighup_reads_the_file_again(start_gateway):
    gateway = start_gateway()
    gateway.popen.send_signal(signal.SIGHUP)
    gateway.wait_for_line(r'"event":"settings_in_force"')
    assert gateway.post("/v1/track", TRACK).status == 200


@pytest.mark.parametrize("broken", ["{", '{"gateway.strictt": true}', '{"sources": [{"id": "x", "type": "tv"}]}', None])
def test_a_broken_file_leaves_the_old_settings_in_force(start_gateway, broken):
    gateway = start_gateway(**{"gateway.strict": True})
    if broken is None:
        gateway.file.unlink()
    else:
        gateway.file.write_text(broken)
    gateway.wait_for_line(r'"event":"settings_refused","message":"[^"]')
    assert gateway.post("/v1/track", TRACK).status == 200
    assert gateway.post("/v1/track", TRACK, key="WKNO").status == 401
    gateway.write(**{"gateway.strict": False})
    wait_until(lambda: gateway.post("/v1/track", TRACK, key="WKNO").status == 200, "the mended file is in force")


def test_secrets_come_from_environment_and_files_and_are_shown_nowhere(start_gateway, tmp_path, segmo):
    (tmp_path / "key").write_text("WKFILE-hidden\n")
    gateway = start_gateway(env={"EXPORT": "export-hidden", "KEY": "WKENV-hidden"}, **dict(SECRET, **{
        "gateway.export_secret": {"env": "EXPORT"}, "sources": [
            {"id": "shop", "segment.write_key": {"env": "KEY"}},
            {"id": "web", "segment.write_key": {"file": str(tmp_path / "key")}}]}))
    for key in ("WKENV-hidden", "WKFILE-hidden"):
        gateway.post("/v1/track", TRACK, key=key)
        gateway.post("/v1/track", {}, key=key)
    assert gateway.metric("accepted_total") == 2
    assert gateway.request("POST", "/export/moengage", streams_payload(1), {"X-Api-Key": "export-hidden"}).status == 200
    shown = gateway.request("GET", "/metrics").text + gateway.stderr
    shown += segmo("config", "show", "--all", "--config", gateway.file, env={"EXPORT": "export-hidden", "KEY": "WKENV-hidden"}).stdout
    assert "hidden" not in shown


def test_a_file_can_be_checked_before_it_is_used(segmo, tmp_path):
    file = tmp_path / "segmo.json"
    file.write_text('{"gateway.listn": "x"}')
    found = segmo("config", "check", file)
    assert found.returncode == 2 and "gateway.listen" in found.stderr


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:", "127.0.0.1:99999", "256.1.1.1:80"])
def test_an_address_that_is_none_is_refused_by_name(segmo, tmp_path, address):
    found = segmo("serve", "--listen", address, "--set", "segment.write_key=WK", "--set", "spool.dir=%s/s" % tmp_path)
    assert found.returncode == 2 and "gateway.listen" in found.stderr


def test_an_address_in_use_is_refused_by_name(segmo, start_gateway, tmp_path):
    gateway = start_gateway()
    found = segmo("serve", "--listen", "127.0.0.1:%d" % gateway.port, "--set", "segment.write_key=WK", "--set",
                  "spool.dir=%s/s" % tmp_path)
    assert found.returncode == 2 and "in use" in found.stderr


# ---- campaign export -----------------------------------------------------------------------------

def streams_payload(count, **changes):
    events = [{"event_name": "Email Clicked", "event_code": "MOE_EMAIL_CLICK", "event_uuid": "ev-%d" % i,
               "event_time": 1767607872, "event_type": "CAMPAIGN_EVENT", "event_source": "MOENGAGE", "uid": "u-%d" % i,
               "event_attributes": {"campaign_id": "c1", "campaign_name": "January"}, "user_attributes": {},
               "device_attributes": {}} for i in range(count)]
    return dict({"app_name": "Shop", "source": "MOENGAGE", "moe_request_id": "r1", "events": events}, **changes)


@pytest.mark.parametrize("headers, status", [
    ({"Authorization": "Bearer s3cret"}, 200), ({"Authorization": basic("any", "s3cret")}, 200), ({"X-Api-Key": "s3cret"}, 200),
    ({"X-Api-Key": "n3xt"}, 200), ({}, 401), ({"X-Api-Key": "s3cre"}, 401), ({"X-Api-Key": "s3cret2"}, 401), ({"X-Api-Key": ""}, 401),
    ({"Authorization": basic("s3cret")}, 401), ({"Authorization": basic("WKSHOP")}, 401), ({"Authorization": "s3cret"}, 401)])
def test_the_export_needs_one_of_its_secrets(start_gateway, headers, status):
    gateway = start_gateway(**dict(SECRET, **{"gateway.export_secret_next": "n3xt"}))
    answer = gateway.request("POST", "/export/moengage", streams_payload(1), headers)
    assert answer.status == status, answer.text
    assert gateway.metric("accepted_total", source="shop") == (1 if status == 200 else 0)


def test_the_export_arrives_once_and_a_bad_event_costs_no_other(start_gateway, start_sandbox):
    peer = start_sandbox()
    gateway = start_gateway(peer, **SECRET)
    payload = streams_payload(3)
    payload["events"][1] = {"event_name": 7}
    payload["events"].append(dict(payload["events"][0], event_type="USER_ACTION_EVENT", event_uuid="ev-9"))
    for _ in range(2):  # MoEngage posts the whole again when it heard no answer
        answer = gateway.request("POST", "/export/moengage", payload, {"X-Api-Key": "s3cret"})
        assert answer.status == 200 and answer.json["status"] == "success"
        assert [each["index"] for each in answer.json["rejected"]] == [1]
        assert answer.json["skipped"] == {"user_action_event": 1}
    peer.wait_for("segment", accepted=2)
    assert gateway.metric("duplicates_total", source="shop") == 2
    assert gateway.metric("discarded_total", source="shop", reason="export_malformed") == 2
    assert gateway.stop() == 0
    assert sorted(each["message"]["userId"] for each in peer.messages()) == ["u-0", "u-2"]


def test_an_export_that_cannot_be_read_is_400_and_a_closed_one_404(start_gateway):
    gateway = start_gateway(**SECRET)
    for body in ("{", "[]", '{"events":7}', "{}"):
        assert gateway.request("POST", "/export/moengage", body, {"X-Api-Key": "s3cret"}).status == 400
    assert start_gateway().request("POST", "/export/moengage", "{}", {"X-Api-Key": ""}).status == 404


def test_an_export_larger_than_a_batch_arrives_whole(start_gateway):
    gateway = start_gateway(**SECRET)
    payload = streams_payload(3000)
    assert len(json.dumps(payload)) > 900000
    assert gateway.request("POST", "/export/moengage", payload, {"X-Api-Key": "s3cret"}).status == 200
    assert gateway.metric("accepted_total", source="shop") == 3000


def test_an_export_as_large_as_a_body_may_be_arrives_whole(start_gateway):
    gateway = start_gateway(**SECRET)
    payload = streams_payload(14000)
    while len(json.dumps(payload)) > 4 << 20:
        del payload["events"][-100:]
    answer = gateway.request("POST", "/export/moengage", payload, {"X-Api-Key": "s3cret"})
    assert answer.status == 200, answer.text
    assert gateway.metric("accepted_total", source="shop") == len(payload["events"]) > 11000


# ---- health and counts ---------------------------------------------------------------------------

def test_readiness_fails_while_messages_wait_for_too_long(start_gateway, start_sandbox):
    peer = start_sandbox()
    peer.script({"status": 503})
    gateway = start_gateway(peer, **{"gateway.ready_max_age_ms": 1000, "delivery.backoff_cap_ms": 100})
    assert gateway.request("GET", "/readyz").json == {"status": "ready"}
    gateway.post("/v1/track", TRACK)
    answer = wait_until(lambda: (lambda a: a if a.status == 503 else None)(gateway.request("GET", "/readyz")), "it is not ready")
    assert answer.json["code"] == "queue_too_old"
    assert gateway.request("GET", "/healthz").status == 200
    peer.script()
    wait_until(lambda: gateway.request("GET", "/readyz").status == 200, "it is ready again")


def test_a_full_disk_is_answered_429_and_the_gateway_is_not_ready(start_gateway, small_disk):
    gateway = start_gateway(**{"spool.dir": str(small_disk / "spool"), "gateway.duplicates_max": 1000})
    ballast = small_disk / "ballast"
    left = os.statvfs(small_disk)
    ballast.write_bytes(b"x" * (left.f_bavail * left.f_frsize))
    refused = gateway.post("/v1/track", TRACK)
    assert (refused.status, refused.json["code"]) == (429, "queue_full") and int(refused.headers["Retry-After"]) > 0
    answer = gateway.request("GET", "/readyz")
    assert (answer.status, answer.json["code"]) == (503, "disk_full")
    assert gateway.request("GET", "/healthz").status == 200
    ballast.unlink()
    wait_until(lambda: gateway.post("/v1/track", TRACK).status == 200, "there is room again")
    wait_until(lambda: gateway.request("GET", "/readyz").status == 200, "it is ready again")


def test_the_metrics_can_be_read_and_add_up(start_gateway, start_sandbox):
    peer = start_sandbox()
    gateway = start_gateway(peer)
    gateway.post("/v1/batch", {"batch": [dict(TRACK, type="track", messageId="m%d" % i) for i in range(10)] + [{}]})
    gateway.post("/v1/track", dict(TRACK, messageId="m1"))
    gateway.wait_for_metric("source_delivered_total", 10, source="shop", destination="segment")
    text = gateway.request("GET", "/metrics").text
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        pytest.skip("not run: python3-prometheus-client is not installed")
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type != "unknown", family.name
        for sample in family.samples:
            samples[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    shop = (("source", "shop"),)
    assert samples["segmo_received_total", shop] == 12
    assert samples["segmo_accepted_total", shop] == 10 and samples["segmo_duplicates_total", shop] == 1
    assert samples["segmo_discarded_total", (("reason", "bad_request"),) + shop] == 1
    assert samples["segmo_destination_delivered_total", (("destination", "segment"),)] == 10
    assert samples["segmo_requests_total", (("status", "200"),)] >= 2
    assert samples["segmo_request_seconds_count", ()] == samples["segmo_request_seconds_bucket", (("le", "+Inf"),)]
    assert any(name == "segmo_build_info" for name, _ in samples)


# ---- stopping and dying --------------------------------------------------------------------------

def test_sigterm_finishes_what_is_under_way(start_gateway):
    gateway = start_gateway()
    idle = gateway.open()
    with gateway.open() as busy:
        body = json.dumps(dict(TRACK, writeKey="WKSHOP")).encode()
        busy.sendall(b"POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        wait_until(lambda: gateway.metric("connections") >= 3, "both are connected")
        gateway.popen.send_signal(signal.SIGTERM)
        assert idle.recv(1) == b""
        busy.sendall(body[5:])
        answer = busy.recv(4096)
        assert b" 200 OK" in answer and b"Connection: close" in answer
    assert gateway.wait() == 0
    assert re.search(r'"event":"stopping"(.|\n)*"event":"stopped"', gateway.stderr)


def test_sigterm_does_not_wait_for_the_slow_beyond_its_limit(start_gateway):
    gateway = start_gateway(**{"gateway.stop_timeout_ms": 100})
    with gateway.open() as slow:
        slow.sendall(b"POST /v1/track HTTP/1.1\r\n")
        wait_until(lambda: gateway.metric("connections") >= 2, "it is connected")
        assert gateway.stop(patience_s=8) == 0


def test_everything_waits_for_the_disk_with_sync_always(start_gateway):
    gateway = start_gateway(**{"spool.sync": "always"})
    connection = gateway.connect()
    for _ in range(20):
        assert gateway.request("POST", "/v1/track", dict(TRACK, writeKey="WKSHOP"), connection=connection).status == 200
    connection.close()
    body = json.dumps(dict(TRACK, writeKey="WKSHOP"))
    pipelined = "POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert gateway.raw((pipelined * 5).encode()).count(b"200 OK") == 5


FAILING_SYNC = """
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_unless_it_fails(void)
{
    if (access(getenv("FAIL"), F_OK) != 0)
        return 0;
    errno = EIO;
    return -1;
}

int fdatasync(int fd) { (void)fd; return sync_unless_it_fails(); }
int msync(void *at, size_t len, int flags) { (void)at; (void)len; (void)flags; return sync_unless_it_fails(); }
"""


@pytest.fixture
def failing_disk(tmp_path):
    """A library to load first, and the file that makes the disk fail as long as it is there."""
    if SANITIZED:
        pytest.skip("not run: a sanitizer wants to be the first library itself")
    source, library = tmp_path / "failing.c", tmp_path / "failing.so"
    source.write_text(FAILING_SYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library, tmp_path / "fail"


def test_what_comes_again_waits_for_the_disk_too(start_gateway, failing_disk):
    library, fails = failing_disk
    gateway = start_gateway(env={"LD_PRELOAD": str(library), "FAIL": str(fails)}, **{"spool.sync": "always"})
    message = dict(TRACK, messageId="m-1")
    for path, body in (("/v1/track", message), ("/v1/batch", {"batch": [dict(message, type="track", messageId="m-2")]})):
        fails.touch()
        assert gateway.post(path, body).status == 503
        assert gateway.post(path, body).status == 503, "that it is held already does not make it safe"
        fails.unlink()
        assert gateway.post(path, body).status == 200
    assert gateway.metric("duplicates_total", source="shop") == 4


def send_until_dead(gateway, worker, answered):
    """Batches of ten, one after the other, until the gateway no longer answers; notes what was answered 200."""
    connection = gateway.connect()
    for number in range(10000):
        ids = ["%d-%d-%d" % (worker, number, i) for i in range(10)]
        body = {"writeKey": "WKSHOP", "batch": [dict(TRACK, type="track", userId="u%d" % worker, messageId=each) for each in ids]}
        try:
            if gateway.request("POST", "/v1/batch", body, connection=connection).status != 200:
                return
        except OSError:
            return
        except Exception as broken:  # an answer that was cut
            assert type(broken).__module__ == "http.client", broken
            return
        answered.extend(ids)


@pytest.mark.parametrize("after", range(3 if SANITIZED else 6))
def test_what_was_answered_200_outlives_kill_9(start_gateway, start_sandbox, tmp_path, after):
    peer = start_sandbox("--keep", "100000")
    gateway = start_gateway(peer, directory=tmp_path)
    answered = [[] for _ in range(3)]
    senders = [threading.Thread(target=send_until_dead, args=(gateway, i, answered[i])) for i in range(3)]
    for sender in senders:
        sender.start()
    wait_until(lambda: sum(map(len, answered)) > 100 * (after + 1), "messages are answered")
    gateway.kill()
    for sender in senders:
        sender.join()
    promised = {each for ids in answered for each in ids}
    again = start_gateway(peer, directory=tmp_path)
    peer.wait_for("segment", unique=len(promised))
    # Whoever heard no answer sends again: what is already there is left out.
    body = {"writeKey": "WKSHOP", "batch": [dict(TRACK, type="track", messageId=each) for each in sorted(promised)[:2000]]}
    assert again.request("POST", "/v1/batch", body).status == 200
    assert again.metric("duplicates_total", source="shop") == min(len(promised), 2000)
    assert again.stop() == 0
    assert promised <= set(ids_of(peer))


def test_systemd_may_hand_over_the_socket_and_is_told(tmp_path, processes):
    directory = tmp_path / "activated"
    directory.mkdir()
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(tmp_path / "notify"))
    notify.settimeout(20)
    (directory / "segmo.json").write_text(json.dumps({"spool.dir": str(directory / "spool"), "segment.write_key": "WK",
                                                      "delivery.enabled": False}))
    code = """if 1:
        import os, socket, sys
        listener = socket.create_server(("127.0.0.1", 0))
        os.dup2(listener.fileno(), 3)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        os.execv(sys.argv[1], sys.argv[1:])"""
    err = open(directory / "err", "w+")
    popen = subprocess.Popen([sys.executable, "-c", code, PROGRAM, "serve", "--config", str(directory / "segmo.json")],
                             stderr=err, env=dict(ENVIRONMENT, NOTIFY_SOCKET=str(tmp_path / "notify")))
    try:
        assert notify.recv(100) == b"READY=1"
        url = re.search(LISTENING, (directory / "err").read_text())[1]
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b"200 OK" in connection.recv(1000)
        popen.send_signal(signal.SIGTERM)
        assert notify.recv(100) == b"STOPPING=1"
        assert popen.wait(20) == 0
    finally:
        popen.kill()
        popen.wait()
        notify.close()
        err.close()


def test_two_gateways_on_one_spool_directory_both_serve(start_gateway, tmp_path):
    first = start_gateway(directory=tmp_path)
    second = start_gateway(directory=tmp_path)
    second.wait_for_line(r'"event":"duplicates"')
    for gateway in (first, second):
        assert gateway.post("/v1/track", TRACK).status == 200
