"""What applications test with: the fake client, the recording of all clients, and the pytest plugin."""
import asyncio
import datetime
import decimal
import json
import subprocess
import sys
import threading
import unittest.mock

import pytest
from harness import ENVIRONMENT, ROOT

import segmo
import segmo.analytics
from segmo.testing import Events, FakeClient, partial, recording

PACKAGE = ROOT / "build/python/lib"
STREAMS = {"app_name": "Shop", "events": [{
    "event_name": "Email Opened", "event_code": "MOE_EMAIL_OPEN", "event_uuid": "e-1", "event_time": 1767322445,
    "event_type": "CAMPAIGN_EVENT", "event_source": "MOENGAGE", "uid": "u-1",
    "event_attributes": {"campaign_id": "c-1", "campaign_name": "Winter"}}]}


@pytest.fixture
def client():
    return FakeClient()


# ---- the fake client ----

def test_the_six_calls_are_kept_as_the_json_they_become(client):
    client.identify("u-1", {"since": datetime.date(2020, 1, 2)})
    client.track("u-1", "Order Completed", {"total": decimal.Decimal("9.99")})
    client.page("u-1", "Home")
    client.screen("u-1", "Start")
    client.group("u-1", "g-1")
    client.alias("old", "u-1")
    assert [message["type"] for message in client.events] == ["identify", "track", "page", "screen", "group", "alias"]
    assert client.events[0]["traits"] == {"since": "2020-01-02"}
    assert client.events[1] == {"type": "track", "userId": "u-1", "event": "Order Completed", "properties": {"total": 9.99}}
    assert len(client.events[2:]) == 4 and "page" in repr(client.events)
    client.events.clear()
    assert len(client.events) == 0


def test_it_refuses_what_the_library_refuses(client):
    for call, error in ((lambda: client.track(None, "Lamp Lit"), segmo.InvalidError),
                        (lambda: client.track("u-1", ""), segmo.InvalidError),
                        (lambda: client.track("u-1", "Lamp Lit", {"x": object()}), segmo.InvalidError),
                        (lambda: client.track("u-1", "Lamp Lit", {"x": "y" * 40000}), segmo.TooLargeError),
                        (lambda: client.track("u-1", "Lamp Lit", source="attic"), segmo.NotFoundError),
                        (lambda: FakeClient(segment_write_kay="WK1"), segmo.OptionError)):
        with pytest.raises(error):
            call()
    assert len(client.events) == 0


def test_it_opens_no_spool_and_is_a_client(client, tmp_path):
    with client as opened:
        opened.track("u-1", "Lamp Lit")
        assert opened.flush() is True and opened.stats()["accepted"] == 1 and opened.poll() is None
    assert isinstance(client, segmo.Client) and not (tmp_path / "state").exists()
    assert client.close() is True
    with pytest.raises(segmo.ClosedError):
        client.track("u-1", "Lamp Lit")
    with pytest.raises(segmo.ClosedError):
        client.flush()


def test_it_takes_what_a_client_takes(tmp_path, monkeypatch):
    message = {"type": "track", "userId": "u-1", "event": "Lamp Lit"}
    file = tmp_path / "segmo.json"
    file.write_text(json.dumps({"moengage": {"app_id": "APP1", "data_api_key": "KEY1"}}))
    monkeypatch.setenv("SEGMO_SPOOL_DIR", str(tmp_path / "spool"))
    told = FakeClient(file, on_error=print, report_thread=False, segment_write_key="WK1").explain(message)
    assert told["segment"]["send"] is told["moengage"]["send"] is True
    assert FakeClient().explain(message)["moengage"]["send"] is False
    client = FakeClient(sources=[{"id": "web", "segment.write_key": "WK2"}, {"id": "shop", "segment.write_key": "WK3"}])
    client.track("u-1", "Lamp Lit", source="shop")
    assert not (tmp_path / "spool").exists()


def test_it_works_in_asyncio():
    async def main():
        async with FakeClient() as client:
            client.track("u-1", "Lamp Lit")
            assert await client.aflush() is True
        return client
    assert len(asyncio.run(main()).events) == 1


def test_it_takes_streams(client):
    assert client.import_streams(json.dumps(STREAMS)) == {"events": 1, "accepted": 1, "skipped": {}, "rejected": []}
    client.events.assert_tracked("Email Opened", user_id="u-1")
    with pytest.raises(segmo.JsonError):
        client.import_streams(b"no JSON")


# ---- assertions ----

@pytest.fixture
def shop(client):
    client.identify("u-1", {"plan": "a"})
    client.track("u-1", "Order Completed", {"total": 9.99, "lines": [{"sku": "a", "n": 1}], "at": datetime.date(2020, 1, 2)})
    client.track("u-2", "Order Refunded", {"total": 5}, anonymous_id="a-2")
    return client.events


def test_assert_tracked_finds_the_event(shop):
    assert shop.assert_tracked("Order Completed")["userId"] == "u-1"
    shop.assert_tracked("Order Completed", user_id="u-1", properties=partial(total=decimal.Decimal("9.99")))
    shop.assert_tracked("Order Completed", properties=partial({"lines": [partial(sku="a")]}, at=datetime.date(2020, 1, 2)))
    shop.assert_tracked("Order Refunded", properties={"total": 5}, anonymous_id="a-2")
    shop.assert_tracked("Order Refunded", properties=unittest.mock.ANY)
    shop.assert_sent("identify", user_id="u-1", traits={"plan": "a"})
    shop.assert_not_tracked("Order Completed", user_id="u-2")
    shop.assert_not_tracked("Lamp Lit")


def failure(call, *arguments, **members):
    with pytest.raises(AssertionError) as raised:
        call(*arguments, **members)
    return str(raised.value).split("\n")


def test_a_failure_shows_the_nearest_event_and_the_difference(shop):
    assert failure(shop.assert_tracked, "Order Completed", user_id="u-1", properties=partial(total=10, tax=1)) == [
        "track 'Order Completed' with user_id='u-1', properties=partial({'total': 10, 'tax': 1}) was not sent",
        "the nearest is message 2 of 3, track 'Order Completed'; it differs in",
        "    - /properties/total: 10", "    + /properties/total: 9.99",
        "    - /properties/tax: 1", "    + /properties/tax: is missing"]
    assert failure(shop.assert_tracked, "Order Refund", user_id="u-2")[1:] == [
        "the nearest is message 3 of 3, track 'Order Refunded'; it differs in",
        "    - /event: 'Order Refund'", "    + /event: 'Order Refunded'"]
    assert failure(shop.assert_tracked, "Order Refunded", properties={"total": 5, "tax": 1}) [2:] == [
        "    - /properties/tax: 1", "    + /properties/tax: is missing"]
    assert failure(shop.assert_tracked, "Order Refunded", properties={})[2:] == [
        "    - /properties/total: is not expected", "    + /properties/total: 5"]
    assert failure(shop.assert_sent, "identify", traits={"plan": True})[2:] == [
        "    - /traits/plan: True", "    + /traits/plan: 'a'"]


def test_a_failure_without_any_message_says_so():
    assert failure(Events().assert_tracked, "Lamp Lit") == ["track 'Lamp Lit' was not sent", "nothing was sent at all"]


def test_assert_not_tracked_shows_what_was_sent(shop):
    lines = failure(shop.assert_not_tracked, "Order Refunded", user_id="u-2")
    assert lines[0] == "track 'Order Refunded' with user_id='u-2' was sent: message 3 of 3"
    assert '"total": 5' in lines[1]


def test_booleans_are_no_numbers_and_lists_have_an_order(client):
    client.track("u-1", "Lamp Lit", {"on": True, "watts": [1, 2]})
    for properties in ({"on": 1, "watts": [1, 2]}, {"on": True, "watts": [2, 1]}, {"on": True, "watts": [1]}):
        failure(client.events.assert_tracked, "Lamp Lit", properties=properties)


def test_a_misspelt_member_is_refused(shop):
    with pytest.raises(TypeError, match="no message has 'userid'; the nearest is 'user_id'"):
        shop.assert_tracked("Order Completed", userid="u-1")


# ---- recording ----

def test_every_client_of_the_process_is_recorded(options, sandbox):
    with segmo.Client(**options) as before:
        with recording() as events:
            before.track("u-1", "Before")
            with segmo.Client(**options) as inside:
                inside.track("u-1", "Inside")
                thread = threading.Thread(target=inside.track, args=("u-1", "Thread"))
                thread.start()
                thread.join()
            segmo.analytics.Client("WK1", sandbox.url).track("u-1", "Drop In")
            segmo.analytics.Client("WK1", sandbox.url, sync_mode=True).track("u-1", "Sync")
            segmo.analytics.Client("WK1", sandbox.url, send=False).track("u-1", "Not Sent")
            assert before.import_streams(STREAMS)["accepted"] == 1
            with pytest.raises(segmo.InvalidError):
                before.track("u-1", "")
            assert before.flush(0)
        assert before.stats()["accepted"] == 0 and sandbox.stats("segment")["requests"] == 0
        assert {message["event"] for message in events} == {
            "Before", "Inside", "Thread", "Drop In", "Sync", "Not Sent", "Email Opened"}
        before.track("u-1", "After")
    assert [entry["message"]["event"] for entry in sandbox.messages()] == ["After"]


# ---- the plugin ----

@pytest.fixture
def run_pytest(tmp_path, sandbox):
    """Runs pytest on a file of tests, as in a project of its own; answers its output."""
    def run(tests, *arguments, **more):
        (tmp_path / "test_shop.py").write_text(tests)
        done = subprocess.run([sys.executable, "-m", "pytest", "-p", "segmo.pytest_plugin", "-p", "no:cacheprovider",
                               *arguments, "test_shop.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60,
                              env={**ENVIRONMENT, "PYTHONPATH": str(PACKAGE), "SEGMO_SEGMENT_WRITE_KEY": "WK1",
                                   "SEGMO_SEGMENT_HOST": sandbox.url, "XDG_STATE_HOME": str(tmp_path / "state"), **more})
        return done.stdout + done.stderr
    return run


def test_the_fixture_is_isolated_per_test(run_pytest, sandbox, tmp_path):
    output = run_pytest("""
import segmo
client = segmo.Client()

def test_one(segmo_events):
    client.track("u-1", "Lamp Lit")
    segmo_events.assert_tracked("Lamp Lit", user_id="u-1")

def test_two(segmo_events):
    assert len(segmo_events) == 0
    segmo.Client().track("u-2", "Lamp Out")
    assert [message["event"] for message in segmo_events] == ["Lamp Out"]
""", SEGMO_SPOOL_DIR=str(tmp_path / "spool"))
    assert "2 passed" in output, output
    assert sandbox.stats("segment")["requests"] == 0


def test_a_failing_test_shows_the_difference_at_its_own_line(run_pytest):
    output = run_pytest("""
import segmo.analytics as analytics
from segmo.testing import partial

def test_order(segmo_events):
    analytics.write_key = "WK1"
    analytics.track("u-1", "Order Completed", {"total": 9.99})
    segmo_events.assert_tracked("Order Completed", user_id="u-1", properties=partial(total=10))
""")
    assert ">       segmo_events.assert_tracked(" in output
    assert "E           - /properties/total: 10" in output and "E           + /properties/total: 9.99" in output
    assert "testing.py" not in output.replace("from segmo.testing", ""), output


def test_pytest_finds_the_plugin_of_an_installed_package(tmp_path):
    """By the entry point that setup.py writes."""
    subprocess.run([sys.executable, "setup.py", "-q", "egg_info", "--egg-base", tmp_path], cwd=ROOT, check=True,
                   capture_output=True, timeout=60)
    listed = subprocess.run([sys.executable, "-m", "pytest", "--fixtures", "-p", "no:cacheprovider", tmp_path], text=True,
                            capture_output=True, timeout=60, cwd=tmp_path,
                            env={**ENVIRONMENT, "PYTHONPATH": f"{tmp_path}:{PACKAGE}"}).stdout
    assert "segmo_events" in listed and "The messages that this test's code sends" in listed
