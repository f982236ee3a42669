"""The sandbox counts truthfully what it takes."""
import json

import generate
from harness import gzipped
from sandbox_cases import (ACTION, CUSTOMER, DEVICE, EVENT, JSON, MESSAGES, PAIR, SENDER, WRITER, action_with,
                           numbered, send)


def test_messages_are_told_apart_by_their_message_id(sandbox):
    send(sandbox, numbered(1), numbered(2))
    send(sandbox, numbered(2), numbered(3), numbered(4, message_id="m-u-1-1"))
    stats = sandbox.stats("segment")
    assert (stats["accepted"], stats["unique"], stats["duplicates"]) == (5, 3, 2)
    assert stats["seq"] == {"unique": 4, "duplicates": 1, "max": 4}
    assert stats["calls"] == {"track": 5}


def test_moengage_events_are_told_apart_by_seq_in_each_kind(sandbox):
    def customer(seq):
        return dict(CUSTOMER, attributes={"seq": seq})

    elements = [action_with(attributes={"seq": 1}), action_with(attributes={"seq": 2}), customer(1), EVENT]
    for _ in range(2):
        sandbox.request("POST", "/v1/transition/APP1", {"type": "transition", "elements": elements}, SENDER)
    sandbox.request("POST", "/v1/device/APP1", DEVICE, SENDER)
    sandbox.request("POST", "/v1/customer/merge?app_id=APP1", {"merge_data": [PAIR, PAIR]}, SENDER)
    stats = sandbox.stats("moengage")
    assert stats["calls"] == {"customer": 2, "event": 6, "device": 1, "merge": 2}
    assert (stats["accepted"], stats["unique"], stats["duplicates"], stats["untold"]) == (11, 3, 3, 5)


def test_what_is_refused_is_counted_by_reason_and_taken_in_no_part(sandbox):
    send(sandbox, numbered(1), dict(numbered(2), userId=5))
    send(sandbox)
    sandbox.request("POST", "/v1/event/APP1", EVENT, JSON)
    assert sandbox.stats("segment")["rejected"] == {"id_not_string": 1, "empty_batch": 1}
    assert sandbox.stats("segment")["accepted"] == 0
    assert sandbox.stats("segment")["statuses"] == {"400": 2}
    assert sandbox.stats("moengage")["rejected"] == {"Authentication required": 1}
    assert sandbox.messages() == []


def test_a_user_out_of_order_is_named(sandbox):
    send(sandbox, numbered(1, "u-1"), numbered(5, "u-1"), numbered(2, "u-2"))
    send(sandbox, numbered(3, "u-1"), numbered(4, "u-1"), numbered(7, "u-2"), numbered(6, "é\"1"))
    stats = sandbox.stats("segment")
    assert stats["order_violations"] == 2
    assert stats["order_violations_by_user"] == {"u-1": 2}
    assert stats["users"] == 3


def test_a_message_that_comes_again_breaks_no_order(sandbox):
    send(sandbox, numbered(1), numbered(2), numbered(3))
    send(sandbox, numbered(1), numbered(2), numbered(3), numbered(4))
    stats = sandbox.stats("segment")
    assert (stats["duplicates"], stats["order_violations"]) == (3, 0)


def test_moengage_watches_the_order_too(sandbox):
    elements = [action_with(attributes={"seq": seq}) for seq in (3, 1, 4)]
    sandbox.request("POST", "/v1/transition/APP1", {"type": "transition", "elements": elements}, SENDER)
    assert sandbox.stats("moengage")["order_violations_by_user"] == {"u-77": 1}


def test_bytes_are_counted_as_they_came_and_as_they_were_meant(sandbox):
    text = json.dumps({"batch": [numbered(seq) for seq in range(50)]})
    packed = gzipped(text)
    sandbox.request("POST", "/v1/batch", packed, dict(WRITER, **{"Content-Encoding": "gzip"}))
    stats = sandbox.stats("segment")
    assert (stats["bytes_wire"], stats["bytes_body"]) == (len(packed), len(text))


def test_connections_are_counted_for_the_service_they_speak_to(sandbox):
    kept = sandbox.connect()
    for seq in range(3):
        send(sandbox, numbered(seq), connection=kept)
    sandbox.request("POST", "/v1/event/APP1", EVENT, SENDER)
    kept.close()
    stats = sandbox.stats()
    assert (stats["segment"]["requests"], stats["segment"]["connections"]) == (3, 1)
    assert stats["moengage"]["connections"] == 1
    assert stats["connections"]["opened"] == 3  # with the one that asks


def test_the_last_messages_are_kept_in_order(start_sandbox):
    sandbox = start_sandbox("--keep", "3")
    send(sandbox, *[numbered(seq) for seq in range(5)])
    sandbox.request("POST", "/v1/customer/APP1", CUSTOMER, SENDER)
    kept = sandbox.messages()
    assert [entry["service"] for entry in kept] == ["segment", "segment", "moengage"]
    assert [entry["call"] for entry in kept] == ["track", "track", "customer"]
    assert kept[0]["message"] == numbered(3)
    assert kept[2]["message"] == CUSTOMER
    assert [entry["message"] for entry in sandbox.messages(limit=1)] == [CUSTOMER]
    assert sandbox.messages(limit=0) == []


def test_reset_forgets_all_but_the_rules(sandbox):
    sandbox.script({"status": 503, "after": 1})
    send(sandbox, numbered(1))
    sandbox.reset()
    assert send(sandbox, numbered(1)).status == 503
    sandbox.script()
    send(sandbox, numbered(1))
    stats = sandbox.stats("segment")
    assert (stats["accepted"], stats["duplicates"], stats["requests"]) == (1, 0, 2)
    assert len(sandbox.messages()) == 1


def test_every_accepted_message_is_recorded_on_a_line(start_sandbox, tmp_path):
    record = tmp_path / "record.ndjson"
    sandbox = start_sandbox("--record", str(record))
    sandbox.request("POST", "/v1/batch", json.dumps({"batch": [numbered(1), numbered(2)]}, indent=2), WRITER)
    send(sandbox, dict(numbered(3), userId=""))
    sandbox.request("POST", "/v1/event/APP1", EVENT, SENDER)
    sandbox.kill()
    entries = [json.loads(line) for line in record.read_text().splitlines()]
    assert [entry["message"] for entry in entries] == [numbered(1), numbered(2), EVENT]
    assert [entry["service"] for entry in entries] == ["segment", "segment", "moengage"]


def test_generated_messages_are_accepted_and_in_order(sandbox):
    lines = list(generate.lines(2000, seed=3, users=20))
    for at in range(0, 2000, 200):
        answer = sandbox.request("POST", "/v1/batch", '{"batch":[%s]}' % ",".join(lines[at:at + 200]), WRITER)
        assert answer.status == 200, answer.text
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"], stats["order_violations"]) == (2000, 0, 0)
    assert stats["seq"] == {"unique": 2000, "duplicates": 0, "max": 1999}
    assert set(stats["calls"]) == set(MESSAGES)


# ---- the fast mode -------------------------------------------------------------------------------

def test_the_fast_mode_counts_by_text(start_sandbox):
    sandbox = start_sandbox("--count-only")
    lines = list(generate.lines(300, shape="order"))
    for part in (lines[:200], lines[100:]):
        body = gzipped('{"batch":[%s]}' % ",".join(part))
        assert sandbox.request("POST", "/v1/batch", body, {"Content-Encoding": "gzip"}).status == 200
    stats = sandbox.stats("segment")
    assert (stats["accepted"], stats["unique"], stats["duplicates"], stats["untold"]) == (400, 300, 100, 0)
    assert stats["seq"]["max"] == 299


def test_the_fast_mode_counts_elements_of_moengage(start_sandbox):
    sandbox = start_sandbox("--count-only")
    elements = [action_with(attributes={"seq": 1}), action_with(attributes={"seq": 2}), CUSTOMER]
    sandbox.request("POST", "/v1/transition/APP1", {"type": "transition", "elements": elements}, SENDER)
    stats = sandbox.stats("moengage")
    assert (stats["accepted"], stats["unique"], stats["untold"]) == (3, 2, 1)
