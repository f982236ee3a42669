"""Settings while a client runs: what changes reaches everybody soon, what is broken changes nothing."""
import base64
import json
import os
import threading

import pytest

from harness import wait_until
from led_host import PAUSED, RESUMED, SETTINGS, to_both, to_segment, tracks


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "segmo.json"


def write(file, **options):
    file.write_text(json.dumps({name.replace("__", "."): value for name, value in options.items()}))


def replace(file, **options):
    fresh = file.with_suffix(".new")
    write(fresh, **options)
    os.rename(fresh, file)


def key_of(request):
    return base64.b64decode(request.headers["Authorization"].split()[1]).decode()


def in_force(host):
    return [report for report in host.reported(SETTINGS) if report["code"] == "in_force"]


@pytest.mark.parametrize("change", [write, replace], ids=["written", "renamed"])
def test_a_new_write_key_is_used_soon(host, receive, spool, file, change):
    receiver = receive()
    write(file, segment__write_key="WK1", segment__host=receiver.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    change(file, segment__write_key="WK-2", segment__host=receiver.url)
    wait_until(lambda: in_force(host), "the new settings are in force")
    host.put_all(tracks(5, first=5))
    assert host.flush().ok
    assert {key_of(request) for request in receiver.requests} == {"WK1:", "WK-2:"}
    assert key_of(receiver.requests[-1]) == "WK-2:"
    host.check_accounts(segment_delivered=10)


def test_a_change_before_the_first_message_is_not_missed(host, receive, spool, file):
    receiver = receive()
    write(file, segment__write_key="WK1", segment__host=receiver.url)
    assert host.open({"spool.dir": spool}, file=file).ok
    write(file, segment__write_key="WK-2", segment__host=receiver.url)
    host.put_all(tracks(1))
    assert host.flush().ok
    wait_until(lambda: in_force(host), "the new settings are in force")
    host.put_all(tracks(1, first=1))
    assert host.flush().ok
    assert key_of(receiver.requests[-1]) == "WK-2:"


def test_an_option_set_while_running_is_in_force_at_once_and_outlives_the_file(host, receive, spool, file):
    receiver = receive()
    write(file, segment__write_key="WK1", segment__host=receiver.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    assert host.set("segment.write_key", "WK-2").ok
    host.put_all(tracks(1, first=1))
    assert host.flush().ok
    write(file, segment__write_key="WK-of-the-file", segment__host=receiver.url, source__type="http")
    wait_until(lambda: in_force(host), "the file is read again")
    host.put_all(tracks(1, first=2))
    assert host.flush().ok
    assert [key_of(request) for request in receiver.requests] == ["WK1:", "WK-2:", "WK-2:"]


def test_an_option_set_while_running_leaves_what_the_file_changed(host, receive, spool, file):
    old, new = receive(), receive()
    write(file, segment__write_key="WK1", segment__host=old.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    write(file, segment__write_key="WK1", segment__host=new.url)
    wait_until(lambda: in_force(host), "the file is read again")
    assert host.set("segment.access_token", "token-1").ok
    host.put_all(tracks(1, first=1))
    assert host.flush().ok
    assert (len(old.requests), len(new.requests)) == (1, 1)


@pytest.mark.parametrize("name, value, words", [
    ("segment.writekey", "WK-2", "segment.write_key"), ("segment.write_key", "WK:2", "colon"),
    ("moengage.data_center", "DC_77", "moengage.data_center"), ("segment.host", "http://192.0.2.1", "http://"),
    ("segment.access_token", "to ken", "character"), ("segment.access_token", "t\x01", "character"),
    ("delivery.flush_at", "5", "open another client"), ("spool.dir", "/nowhere", "open another client")])
def test_what_cannot_be_set_while_running_changes_nothing_and_says_why(host, receive, spool, name, value, words):
    receiver = receive()
    assert host.open(to_segment(receiver.url, spool)).ok
    answer = host.set(name, value)
    assert (answer["status"], answer["field"]) == ("SEGMO_ERR_OPTION", name) and words in answer["message"]
    host.put_all(tracks(1))
    assert host.flush().ok
    assert [key_of(request) for request in receiver.requests] == ["WK1:"]
    host.close()
    assert host.set("segment.write_key", "WK-2")["status"] == "SEGMO_ERR_CLOSED"


def test_an_access_token_takes_the_place_of_the_key_in_the_header(host, receive, spool):
    receiver = receive()
    assert host.open(to_segment(receiver.url, spool), **{"segment.access_token": "token-1"}).ok
    host.put_all(tracks(1))
    assert host.flush().ok
    assert host.set("segment.access_token", "t" * 5000).ok
    host.put_all(tracks(1, first=1))
    assert host.flush().ok
    assert [request.headers["Authorization"] for request in receiver.requests] == ["Bearer token-1", "Bearer " + "t" * 5000]
    assert {request.body["writeKey"] for request in receiver.requests} == {"WK1"}


def test_messages_wait_for_the_first_access_token_and_moengage_does_not(host, sandbox, spool):
    assert host.open(to_both(sandbox.url, sandbox.url, spool), **{"segment.access_token": ""}).ok
    host.put_all(tracks(5))
    host.wait_delivered(5, "moengage")
    assert sandbox.stats("segment")["requests"] == 0
    host.check_accounts(segment_pending=5, segment_skipped=0)
    assert host.set("segment.access_token", "token-1").ok
    assert host.flush().ok
    host.check_accounts(segment_delivered=5)


def of_token(*good):
    return lambda request, number: (200 if request.headers["Authorization"].split()[1] in good else 401, {}, b"{}")


def test_a_refused_access_token_pauses_until_another_is_set_and_each_is_told(host, receive, spool):
    receiver = receive(of_token("token-3"))
    assert host.open(to_segment(receiver.url, spool), **{"segment.access_token": "token-1"}).ok
    host.put_all(tracks(5))
    wait_until(lambda: len(host.reported(PAUSED)) == 1, "the first token is refused")
    assert host.set("segment.access_token", "token-2").ok
    wait_until(lambda: len(host.reported(PAUSED)) == 2, "the second token is refused")
    assert host.set("segment.access_token", "token-3").ok
    assert host.flush().ok
    assert len(host.wait_report(RESUMED)) == 1
    host.check_accounts(segment_delivered=5)


def test_a_refusal_that_comes_after_the_new_token_does_not_pause_it(host, receive, spool):
    changed = threading.Event()

    def reply(request, number):
        if request.headers["Authorization"] == "Bearer token-2":
            return 200, {}, b"{}"
        changed.wait(20)
        return 401, {}, b"{}"
    receiver = receive(reply)
    assert host.open(to_segment(receiver.url, spool), **{"segment.access_token": "token-1"}).ok
    host.put_all(tracks(1))
    wait_until(lambda: receiver.requests, "the first request is on its way")
    assert host.set("segment.access_token", "token-2").ok
    host.put_all(tracks(1, first=1, users=2))
    wait_until(lambda: host.stats("segment")["delivered"], "the new token is in use")
    changed.set()
    assert host.flush().ok
    assert host.reported(PAUSED) == []
    host.check_accounts(segment_delivered=2)


def test_another_host_takes_over_what_waits(host, start_sandbox, spool, file):
    old, new = start_sandbox(), start_sandbox()
    old.script({"status": 503})
    write(file, segment__write_key="WK1", segment__host=old.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(50))
    old.wait_for("segment", requests=1)
    write(file, segment__write_key="WK1", segment__host=new.url)
    assert host.flush().ok
    assert new.stats("segment")["unique"] == 50
    host.check_accounts(segment_delivered=50)


def test_moengage_joins_when_its_credentials_come(host, sandbox, spool, file):
    write(file, segment__write_key="WK1", segment__host=sandbox.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    write(file, segment__write_key="WK1", segment__host=sandbox.url, moengage__app_id="APP1",
          moengage__data_api_key="KEY1", moengage__url=sandbox.url)
    wait_until(lambda: in_force(host), "the new settings are in force")
    host.put_all(tracks(5, first=5))
    assert host.flush().ok
    host.check_accounts(segment_delivered=10, moengage_delivered=5)
    assert sandbox.stats("moengage")["unique"] == 5


@pytest.mark.parametrize("broken", ["{\"segment.write_key\": ", "", "[]", "{\"segment.writekey\": \"x\"}",
                                    "{\"moengage.data_center\": \"DC_77\"}", "{\"delivery.flush_at\": \"many\"}"],
                         ids=["cut off", "empty", "a list", "misspelt", "no such centre", "no number"])
def test_a_broken_file_keeps_the_old_settings_and_says_why(host, sandbox, spool, file, broken):
    write(file, segment__write_key="WK1", segment__host=sandbox.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(1))
    file.write_text(broken)
    refused = [report for report in host.wait_report(SETTINGS) if report["code"] == "refused"]
    assert len(refused) == 1 and refused[0]["message"]
    host.put_all(tracks(5, first=1))
    assert host.flush().ok
    host.check_accounts(segment_delivered=6)


def test_a_file_that_goes_and_comes_back_is_followed(host, receive, spool, file):
    receiver = receive()
    write(file, segment__write_key="WK1", segment__host=receiver.url)
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10}, file=file).ok
    host.put_all(tracks(1))
    file.unlink()
    host.wait_report(SETTINGS)
    host.put_all(tracks(1, first=1))
    assert host.flush().ok
    write(file, segment__write_key="WK-2", segment__host=receiver.url)
    wait_until(lambda: in_force(host), "the file is read again")
    host.put_all(tracks(1, first=2))
    assert host.flush().ok
    assert key_of(receiver.requests[-1]) == "WK-2:"


def test_messages_of_several_sources_never_meet_in_one_request(host, receive, spool, file):
    receiver = receive(lambda request, number: (503, {}, b"") if number % 3 == 0 else (200, {}, b"{}"))
    names = ["web", "shop", "app"]
    file.write_text(json.dumps({"segment.host": receiver.url, "sources": [
        {"id": name, "segment.write_key": "WK-" + name} for name in names]}))
    assert host.open({"spool.dir": spool, "delivery.flush_interval_ms": 10, "delivery.backoff_base_ms": 10},
                     file=file).ok
    for seq, message in enumerate(tracks(300)):
        assert host.put(dict(message, properties={"of": names[seq % 3]}), source=names[seq % 3]).ok
    assert host.flush().ok
    assert host.put(tracks(1)[0], source="unknown")["status"] == "SEGMO_ERR_NOT_FOUND"
    assert host.put(tracks(1)[0])["status"] == "SEGMO_ERR_NOT_FOUND"
    for request in receiver.requests:
        assert {"WK-%s:" % message["properties"]["of"] for message in request.batch} == {key_of(request)}
    assert len(receiver.delivered()) == 300
    host.check_accounts(segment_delivered=300)


def test_one_source_is_paused_while_another_goes_on(host, receive, spool, file):
    receiver = receive(lambda request, number: (401 if "wrong" in key_of(request) else 200, {}, b"{}"))

    def settings(*sources):
        return json.dumps({"segment.host": receiver.url, "delivery.flush_interval_ms": 10, "sources": [
            {"id": name, "segment.write_key": key} for name, key in sources]})
    file.write_text(settings(("web", "WK-web"), ("shop", "WK-wrong"), ("app", "WK-wrong-too")))
    assert host.open({"spool.dir": spool}, file=file).ok
    for name in ("shop", "app"):
        assert host.put(tracks(1)[0], source=name).ok
    wait_until(lambda: len(host.reported(PAUSED)) == 2, "both are paused")
    assert {report["source"] for report in host.reported(PAUSED)} == {"shop", "app"}
    assert host.put(tracks(1)[0], source="web").ok
    host.wait_delivered(1)
    assert host.stats("segment")["state"] == "paused"
    file.write_text(settings(("web", "WK-web"), ("shop", "WK-shop"), ("app", "WK-wrong-too")))
    host.wait_delivered(2)
    assert host.wait_report(RESUMED)[0]["source"] == "shop"
    assert (host.stats("segment")["state"], host.stats("segment")["paused_for"]) == ("paused", "invalid_credentials")
    file.write_text(settings(("web", "WK-web"), ("shop", "WK-shop")))
    wait_until(lambda: host.stats("segment")["state"] == "open", "nothing that is in force is paused")
    host.check_accounts(segment_delivered=2, segment_pending=1)


def test_integrations_decide_who_gets_a_message(host, sandbox, spool):
    assert host.open(to_both(sandbox.url, sandbox.url, spool)).ok
    host.put_all(tracks(3, integrations={"MoEngage": False}) + tracks(4, first=3, integrations={"All": False}) +
                 tracks(5, first=7, integrations={"All": False, "MoEngage": True}))
    assert host.flush().ok
    host.check_accounts(segment_delivered=12, moengage_delivered=5, moengage_skipped=7)
    assert sandbox.stats("moengage")["unique"] == 5
    assert sandbox.stats("segment")["unique"] == 12


def marks(sandbox):
    return [record["message"].get("integrations", {}).get("MoEngage") for record in sandbox.messages()
            if record["service"] == "segment"]


def test_forwarding_by_segment_sends_nothing_to_moengage_and_marks_nothing(host, sandbox, spool):
    assert host.open(to_both(sandbox.url, sandbox.url, spool), **{"moengage.forward": "segment"}).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    assert sandbox.stats("moengage")["requests"] == 0
    assert marks(sandbox) == [None] * 5
    host.check_accounts(segment_delivered=5, moengage_accepted=0)


@pytest.mark.parametrize("mode", ["cloud", "device"])
def test_the_copy_for_segment_is_marked_so_that_it_is_not_forwarded_twice(host, sandbox, spool, mode):
    assert host.open(to_both(sandbox.url, sandbox.url, spool), **{
        "source.type": "android", "source.bundled": "true", "connection_mode": mode}).ok
    host.put_all(tracks(5))
    assert host.flush().ok
    assert marks(sandbox) == [False] * 5
    host.check_accounts(segment_delivered=5, moengage_delivered=5)
