"""The program: what each command takes, prints and answers, with the right exit code for every ending."""
import json
import os
import pty
import random
import signal
import socket
import subprocess
import time

import pytest

from harness import ENVIRONMENT, PATIENCE_S, PROGRAM, ROOT, wait_until

DONE, REFUSED, USAGE, INPUT, TIMEOUT, INTERRUPTED = 0, 1, 2, 3, 4, 130
COMMANDS = ["send", "import", "transform", "explain", "dead", "stats", "sandbox", "doctor", "config", "e2e",
            "version", "help"]
KILLS = 20


def track(number, **members):
    return dict({"type": "track", "userId": "u%d" % (number % 7), "event": "Tested",
                 "properties": {"seq": number}}, **members)


def write_lines(path, messages):
    path.write_text("".join((m if isinstance(m, str) else json.dumps(m)) + "\n" for m in messages),
                    encoding="utf-8")
    return path


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def options(spool, sandbox):
    """Sends to the sandbox as Segment, soon."""
    return ["--set", "spool.dir=%s" % spool, "--set", "segment.host=%s" % sandbox.url,
            "--set", "segment.write_key=WK1", "--set", "delivery.flush_interval_ms=10"]


@pytest.fixture
def offline(spool):
    """Accepts for Segment, sends nothing."""
    return ["--set", "spool.dir=%s" % spool, "--set", "segment.write_key=WK1",
            "--set", "delivery.enabled=false"]


def moengage(sandbox):
    return ["--set", "moengage.app_id=APP1", "--set", "moengage.data_api_key=KEY1",
            "--set", "moengage.url=%s" % sandbox.url]


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


# ---- help and usage ----

@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_on_stdout(segmo, command):
    ran = segmo(command, "--help")
    assert ran.returncode == DONE
    assert ran.stdout.lower().startswith("usage: segmo %s" % command)
    assert "exit codes:" in ran.stdout.lower()
    assert ran.stderr == ""


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("sandbox", "help", "version")])
def test_every_help_shows_examples_and_is_the_same_by_both_ways(segmo, command):
    ran = segmo("help", command)
    assert "examples:\n  segmo %s" % command in ran.stdout or "| segmo" in ran.stdout
    assert ran.stdout == segmo(command, "--help").stdout


def test_the_list_of_commands_names_each_one(segmo):
    listed = segmo("help").stdout
    for command in COMMANDS:
        assert "\n  %s " % command in listed


def test_the_reference_page_is_what_the_program_prints(segmo):
    page = (ROOT / "docs" / "reference" / "program.md").read_text(encoding="utf-8")
    assert segmo("help", "--markdown").stdout.rstrip() in page, "run `make generated`"


def test_no_command_at_all_is_a_usage_error(segmo):
    ran = segmo()
    assert ran.returncode == USAGE
    assert ran.stdout == "" and "usage: segmo COMMAND" in ran.stderr


@pytest.mark.parametrize("arguments, words", [
    (["impot"], 'did you mean "import"?'),
    (["qqqqqqqqq"], 'there is no command "qqqqqqqqq"'),
    (["send", "track", "--evnt", "x"], "did you mean --event?"),
    (["send", "track", "--user"], "--user needs a value: ID"),
    (["stats", "--json=yes"], "--json takes no value"),
    (["stats", "extra"], '"extra" is one word too many'),
    (["send", "track", "-u", "u1"], "options start with two dashes"),
    (["send", "track", "--timeout-ms", "soon"], "--timeout-ms needs a number"),
    (["send"], "name the call"),
    (["import"], "name a file"),
    (["transform"], "name a file"),
    (["explain"], "name a file"),
    (["dead", "bury"], "none of list, show, retry, drop"),
    (["dead", "show"], "show needs an id"),
    (["dead", "retry"], "--all"),
    (["dead", "drop", "--all"], "add --yes"),
    (["config", "sow"], "none of show, check, options"),
    (["config", "check"], "check needs a file"),
    (["e2e"], "--input is missing"),
    (["transform", "{}", "--to", "mars"], "--to must be"),
    (["stats", "--set", "spool.dir"], "--set needs NAME=VALUE"),
    (["stats", "--set", "spool.dri=/x"], "spool.dir"),
    (["stats", "--set", "spool.sync_ms=soon"], "spool.sync_ms"),
])
def test_a_wrong_command_line_is_refused_with_what_would_be_right(segmo, spool, arguments, words):
    ran = segmo(*arguments, env={"XDG_STATE_HOME": str(spool)})
    assert ran.returncode == USAGE
    assert words in ran.stderr
    assert ran.stdout == ""


def test_a_misspelt_variable_is_refused_with_the_nearest(segmo):
    ran = segmo("config", "show", env={"SEGMO_SEGMENT_WRITE_KEI": "x"})
    assert ran.returncode == USAGE
    assert "SEGMO_SEGMENT_WRITE_KEY" in ran.stderr or "segment.write_key" in ran.stderr


def test_output_that_cannot_be_written_is_said(program):
    with open("/dev/full", "w") as full:
        ran = subprocess.run([program, "version"], stdout=full, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert ran.returncode == INPUT and "output" in ran.stderr


def test_more_options_than_fit_are_refused(segmo):
    ran = segmo("dead", "list", *["--id=%d" % number for number in range(64)], "-h")
    assert ran.returncode == USAGE and "more than 64" in ran.stderr


# ---- version and configuration ----

def test_the_version_says_what_was_built_with_what(segmo):
    features = json.loads(segmo("version", "--json").stdout)
    words = segmo("version").stdout
    assert words.startswith("segmo %s" % features["version"])
    assert features["curl"] in words and features["gzip"] in words
    assert segmo("--version").stdout == words


def test_set_beats_environment_beats_file_and_show_says_so(segmo, tmp_path):
    path = tmp_path / "segmo.json"
    path.write_text('{"delivery": {"flush_at": 11, "lanes": 12}, "spool.sync_ms": 13}')
    ran = segmo("config", "show", "--json", "--config", path, "--set", "delivery.flush_at=31",
                env={"SEGMO_DELIVERY_FLUSH_AT": "21", "SEGMO_DELIVERY_LANES": "22"})
    values = json.loads(ran.stdout)
    assert ran.returncode == DONE
    assert (values["delivery.flush_at"]["from"], str(values["delivery.flush_at"]["value"])) == ("set", "31")
    assert (values["delivery.lanes"]["from"], str(values["delivery.lanes"]["value"])) == ("environment", "22")
    assert (values["spool.sync_ms"]["from"], str(values["spool.sync_ms"]["value"])) == ("file", "13")


def test_the_variable_SEGMO_CONFIG_names_the_file(segmo, tmp_path):
    path = tmp_path / "segmo.json"
    path.write_text('{"source.id": "from-file"}')
    assert "from-file" in segmo("config", "show", env={"SEGMO_CONFIG": str(path)}).stdout


@pytest.mark.parametrize("arguments", [["config", "show", "--all"], ["config", "show", "--json"],
                                       ["config", "show", "--set", "segment.region=mars"]])
def test_no_secret_is_ever_printed(segmo, arguments):
    ran = segmo(*arguments, env={"SEGMO_SEGMENT_WRITE_KEY": "sesame-open-1234",
                                 "SEGMO_MOENGAGE_DATA_API_KEY": "sesame-open-5678",
                                 "SEGMO_MOENGAGE_APP_ID": "APP"})
    assert "sesame-open" not in ran.stdout + ran.stderr


def test_a_good_configuration_file_is_fine(segmo, tmp_path):
    path = tmp_path / "good.json"
    path.write_text('{"segment": {"write_key": "WK1"}}')
    ran = segmo("config", "check", path)
    assert (ran.returncode, ran.stdout) == (DONE, "%s is fine\n" % path)


@pytest.mark.parametrize("text, code, words", [
    ('{"segment": {"write_kee": "x"}}', USAGE, "segment.write_key"),
    ('{"segment": ', USAGE, ""),
    ('{"delivery.flush_at": "many"}', USAGE, "delivery.flush_at"),
    ('{"source.type": "server", "connection_mode": "device", "moengage": {"app_id": "A", "data_api_key": "K"}}',
     USAGE, "connection_mode"),
])
def test_a_bad_configuration_file_is_named_with_the_option(segmo, tmp_path, text, code, words):
    path = tmp_path / "bad.json"
    path.write_text(text)
    ran = segmo("config", "check", path)
    assert ran.returncode == code
    assert words in ran.stderr and ran.stderr != ""
    assert ran.stdout == ""


def test_a_missing_configuration_file_is_a_file_error_for_check_and_a_configuration_error_elsewhere(segmo):
    assert segmo("config", "check", "/nowhere.json").returncode == INPUT
    ran = segmo("stats", "--config", "/nowhere.json")
    assert ran.returncode == USAGE and "/nowhere.json" in ran.stderr


def test_every_option_has_words_and_the_two_lists_agree(segmo):
    listed = json.loads(segmo("config", "options", "--json").stdout)
    words = segmo("config", "options").stdout
    assert len(listed) > 50
    for option in listed:
        assert option["help"].strip()
        assert "\n%s (" % option["name"] in "\n" + words


# ---- send ----

def test_send_waits_for_the_outcome_and_prints_it(segmo, options, sandbox):
    ran = segmo("send", "track", "--user", "u1", "--event", "Order Completed", "--properties",
                '{"total": 9.99, "id": 9007199254740993}', "--timestamp", "2026-01-02T03:04:05Z",
                "--integrations", '{"All": true}', "--context", '{"ip": "203.0.113.9"}', *options)
    assert (ran.returncode, ran.stdout.split()) == (DONE, ["segment", "delivered"])
    message = sandbox.messages()[0]["message"]
    assert message["type"] == "track" and message["userId"] == "u1" and message["event"] == "Order Completed"
    assert message["properties"] == {"total": 9.99, "id": 9007199254740993}
    assert message["timestamp"].startswith("2026-01-02T03:04:05")
    assert message["context"]["ip"] == "203.0.113.9"


@pytest.mark.parametrize("arguments, members", [
    (["identify", "--user", "u1", "--traits", '{"a": 1}'], {"userId": "u1", "traits": {"a": 1}}),
    (["page", "--anonymous", "a1", "--name", "Home"], {"anonymousId": "a1", "name": "Home"}),
    (["screen", "--user", "u1", "--name", "Home"], {"name": "Home"}),
    (["group", "--user", "u1", "--group", "g1"], {"groupId": "g1"}),
    (["alias", "--user", "u2", "--previous", "u1"], {"userId": "u2", "previousId": "u1"}),
    (["track", "--user", "u1", "--event", "E", "--message-id", "given"], {"messageId": "given"}),
])
def test_send_makes_each_of_the_six_calls(segmo, options, sandbox, arguments, members):
    assert segmo("send", *arguments, *options).returncode == DONE
    message = sandbox.messages()[0]["message"]
    assert message["type"] == arguments[0]
    assert {name: message.get(name) for name in members} == members


def test_send_takes_the_spellings_of_the_analytics_command(segmo, sandbox, spool):
    ran = segmo("send", "--type=group", "--writeKey=WK2", "--userId=u1", "--anonymousId=a1", "--groupId=g1",
                "--traits={}", "--set", "spool.dir=%s" % spool, "--set", "segment.host=%s" % sandbox.url)
    assert ran.returncode == DONE, ran.stderr
    assert sandbox.messages()[0]["message"]["groupId"] == "g1"


@pytest.mark.parametrize("way", ["stdin", "argument"])
def test_send_takes_a_whole_message_as_json(segmo, options, sandbox, way):
    text = json.dumps(track(1, messageId="whole"))
    ran = segmo("send", "-", "--json", *options, stdin=text) if way == "stdin" else \
        segmo("send", "--json-message", text, "--json", *options)
    assert ran.returncode == DONE, ran.stderr
    assert json.loads(ran.stdout) == {"messageId": "whole", "destinations": {"segment": "delivered"}}
    assert sandbox.messages()[0]["message"]["messageId"] == "whole"


@pytest.mark.parametrize("arguments, code, words", [
    (["track", "--event", "E"], REFUSED, "userId"),
    (["track", "--user", "u1"], REFUSED, "/event"),
    (["trak", "--user", "u1"], REFUSED, "/type"),
    (["track", "--user", "u1", "--event", "E", "--properties", "[1]"], REFUSED, "/properties"),
    (["track", "--user", "u1", "--event", "E", "--properties", "{bad"], USAGE, "--properties is not JSON"),
    (["track", "--user", "u1", "--event", "E", "--timestamp", "yesterday"], REFUSED, "/timestamp"),
    (["--json-message", '{"type":"track"', "--json"], REFUSED, "byte"),
    (["--json-message", '{"type":"track"}', "--user", "u1"], USAGE, "--user does not go with"),
    (["track", "--type", "page", "--user", "u1"], USAGE, "both"),
])
def test_send_names_what_is_wrong_with_a_message(segmo, options, sandbox, arguments, code, words):
    ran = segmo("send", *arguments, *options)
    assert ran.returncode == code
    assert words in ran.stderr
    assert ran.stdout == ""
    assert sandbox.stats("segment")["accepted"] == 0


def test_a_message_that_is_not_delivered_in_time_goes_with_the_next_client(segmo, options, sandbox):
    sandbox.script({"status": 503})
    ran = segmo("send", "track", "--user", "u1", "--event", "First", "--timeout-ms", "300", *options)
    assert (ran.returncode, ran.stdout.split()) == (TIMEOUT, ["segment", "pending"])
    assert "segmo doctor" in ran.stderr
    sandbox.script()
    assert segmo("send", "track", "--user", "u1", "--event", "Second", *options).returncode == DONE
    assert [entry["message"]["event"] for entry in sandbox.messages()] == ["First", "Second"]


def test_a_wrong_key_pauses_and_says_so_instead_of_waiting(segmo, start_sandbox, spool):
    strict = start_sandbox("--write-key", "RIGHT")
    ran = segmo("send", "track", "--user", "u1", "--event", "E", "--timeout-ms", "15000", "--set",
                "spool.dir=%s" % spool, "--set", "segment.host=%s" % strict.url, "--set",
                "segment.write_key=WRONG-KEY")
    assert (ran.returncode, ran.stdout.split()) == (REFUSED, ["segment", "pending"])
    assert "segment is paused" in ran.stderr and "401" in ran.stderr
    assert "WRONG-KEY" not in ran.stderr


def test_send_says_why_a_destination_skips_a_message(segmo, options, sandbox):
    ran = segmo("send", "track", "--anonymous", "a1", "--event", "E", *options, *moengage(sandbox))
    assert ran.returncode == DONE, ran.stderr
    assert ran.stdout.splitlines() == ["segment   delivered", "moengage  skipped: no_user_id"]


def test_a_spool_that_cannot_be_used_is_a_file_error(segmo, tmp_path):
    (tmp_path / "file").write_text("")
    ran = segmo("send", "track", "--user", "u1", "--event", "E", "--set", "segment.write_key=WK1", "--set",
                "spool.dir=%s" % (tmp_path / "file"))
    assert ran.returncode == INPUT
    assert str(tmp_path / "file") in ran.stderr


# ---- dead letters ----

@pytest.fixture
def dead_letter(segmo, options, sandbox):
    """One message that Segment refused for good."""
    sandbox.script({"status": 400, "body": '{"success":false,"message":"malformed"}'})
    ran = segmo("send", "track", "--user", "u1", "--event", "Refused", "--message-id", "dead-1", *options)
    assert (ran.returncode, ran.stdout.split()[:2]) == (REFUSED, ["segment", "dead:"]), ran.stderr
    sandbox.script()
    return json.loads(segmo("dead", "list", "--json", *options).stdout)[0]


def test_a_dead_letter_is_listed_and_shown_with_its_reason(segmo, options, dead_letter):
    listed = segmo("dead", "list", *options).stdout
    assert dead_letter["id"] in listed and dead_letter["reason"] in listed and "track Refused" in listed
    shown = segmo("dead", "show", dead_letter["id"], *options)
    assert shown.returncode == DONE
    assert json.loads(shown.stdout)["message"]["messageId"] == "dead-1"
    assert json.loads(shown.stdout)["status"] == 400


def test_a_dead_letter_is_found_by_its_filters_only(segmo, options, dead_letter):
    def found(*filters):
        return len(json.loads(segmo("dead", "list", "--json", *filters, *options).stdout))
    assert found("--destination", "segment") == 1 and found("--destination", "moengage") == 0
    assert found("--reason", dead_letter["reason"]) == 1 and found("--reason", "other") == 0
    assert found("--id", "nobody") == 0 and found("--id", "nobody", "--id", dead_letter["id"]) == 1


def test_a_dead_letter_that_is_retried_goes_with_the_next_client(segmo, options, sandbox, dead_letter):
    ran = segmo("dead", "retry", "--id", dead_letter["id"], *options)
    assert (ran.returncode, ran.stdout) == (DONE, "retried 1\n")
    assert json.loads(segmo("dead", "list", "--json", *options).stdout) == []
    assert segmo("send", "track", "--user", "u2", "--event", "Next", *options).returncode == DONE
    assert "dead-1" in [entry["message"]["messageId"] for entry in sandbox.messages()]


def test_dropping_deletes_only_when_it_is_confirmed(segmo, options, dead_letter):
    refused = segmo("dead", "drop", "--id", dead_letter["id"], *options)
    assert refused.returncode == USAGE
    assert len(json.loads(segmo("dead", "list", "--json", *options).stdout)) == 1
    ran = segmo("dead", "drop", "--id", dead_letter["id"], "--yes", "--json", *options)
    assert (ran.returncode, json.loads(ran.stdout)) == (DONE, {"dropped": 1})
    assert json.loads(segmo("dead", "list", "--json", *options).stdout) == []


def test_showing_an_unknown_letter_is_refused(segmo, options):
    ran = segmo("dead", "show", "nobody", *options)
    assert ran.returncode == REFUSED and "nobody" in ran.stderr


# ---- import ----

def test_an_import_delivers_every_line_and_accounts_for_them(segmo, options, sandbox, events_file):
    path = events_file(count=1000, seed=3, users=20, shape="mixed")
    ran = segmo("import", path, "--json", *options)
    assert ran.returncode == DONE, ran.stderr
    summary = json.loads(ran.stdout)
    segment = summary["destinations"]["segment"]
    assert summary["accepted"] == summary["lines"] == segment["delivered"] == 1000
    assert segment["accepted"] == segment["delivered"] + segment["dead"] + segment["pending"] + segment["skipped"]
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"], stats["order_violations"]) == (1000, 0, 0)


def test_an_import_counts_why_messages_were_skipped(segmo, options, sandbox, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(1), {"type": "track", "anonymousId": "a1", "event": "E"}])
    ran = segmo("import", path, *options, *moengage(sandbox))
    assert ran.returncode == DONE, ran.stderr
    assert "  skipped, no_user_id: 1" in ran.stdout.splitlines()
    again = segmo("import", path, "--again", "--json", *options, *moengage(sandbox))
    assert json.loads(again.stdout)["destinations"]["moengage"]["skipped_for"] == {"no_user_id": 1}


def test_bad_lines_are_named_and_never_cost_their_neighbours(segmo, options, sandbox, tmp_path):
    path = tmp_path / "mixed.ndjson"
    long_line = json.dumps(track(9, context={"filler": "x" * 40000}))
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(track(1)).encode() + b"\r\n\n   \n" +
                     b'{"type":"track","event":"no one"}\n' + b"{broken\n" + b"[1]\n" +
                     b'{"type":"track","userId":"u1","event":"bad \xff"}\n' + long_line.encode() + b"\n" +
                     b'{"a":"' + b"y" * (3 << 20) + b'"}\n' + json.dumps(track(2)).encode())
    errors = tmp_path / "errors.ndjson"
    ran = segmo("import", path, "--errors", errors, "--json", *options)
    assert ran.returncode == REFUSED
    refused = [json.loads(line) for line in errors.read_text().splitlines()]
    assert [entry["line"] for entry in refused] == [4, 5, 6, 7, 8, 9]
    assert [entry["status"] for entry in refused] == ["SEGMO_ERR_INVALID", "SEGMO_ERR_JSON", refused[2]["status"],
                                                      "SEGMO_ERR_JSON", "SEGMO_ERR_TOO_LARGE",
                                                      "SEGMO_ERR_TOO_LARGE"]
    assert refused[2]["status"] in ("SEGMO_ERR_JSON", "SEGMO_ERR_INVALID")
    assert all(entry["message"] for entry in refused)
    raw = path.read_bytes()
    assert raw[refused[0]["offset"]:].startswith(b'{"type":"track","event":"no one"}')
    assert "line 4:" in ran.stderr
    summary = json.loads(ran.stdout)
    assert (summary["accepted"], summary["rejected"], summary["blank"]) == (2, 6, 2)
    assert sandbox.stats("segment")["unique"] == 2


def test_a_dry_run_checks_and_leaves_nothing_behind(segmo, offline, spool, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(1), {"type": "track"}, track(2)])
    ran = segmo("import", path, "--dry-run", "--json", *offline)
    assert ran.returncode == REFUSED
    assert (json.loads(ran.stdout)["accepted"], json.loads(ran.stdout)["rejected"]) == (2, 1)
    assert not spool.exists()


def test_an_import_from_stdin_delivers(segmo, options, sandbox):
    ran = segmo("import", "-", *options, stdin="".join(json.dumps(track(n)) + "\n" for n in range(50)))
    assert ran.returncode == DONE, ran.stderr
    assert sandbox.stats("segment")["unique"] == 50


def test_a_file_that_was_imported_whole_is_imported_again_on_request_only(segmo, options, sandbox, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(10)])
    assert segmo("import", path, *options).returncode == DONE
    second = segmo("import", path, "--json", *options)
    assert second.returncode == DONE and "imported whole already" in second.stderr
    assert json.loads(second.stdout)["accepted"] == 0
    again = segmo("import", path, "--again", "--json", *options)
    assert json.loads(again.stdout)["accepted"] == 10
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"]) == (10, 10), "the lines keep their ids"


def test_a_changed_file_is_another_import(segmo, options, sandbox, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(10)])
    assert segmo("import", path, *options).returncode == DONE
    write_lines(path, [track(n) for n in range(12)])
    assert segmo("import", path, *options).returncode == DONE
    assert sandbox.stats("segment")["unique"] == 22


@pytest.mark.parametrize("path, words", [("/nowhere.ndjson", "/nowhere.ndjson cannot be read"),
                                         ("/", "is a directory")])
def test_a_file_that_cannot_be_read_is_a_file_error(segmo, offline, path, words):
    ran = segmo("import", path, *offline)
    assert ran.returncode == INPUT and words in ran.stderr


def test_an_error_file_that_cannot_be_written_is_a_file_error(segmo, offline, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(1)])
    ran = segmo("import", path, "--errors", "/nowhere/errors", "--no-wait", *offline)
    assert ran.returncode == INPUT and "/nowhere/errors" in ran.stderr


def test_two_imports_of_one_file_at_once_are_refused(segmo, start_segmo, options, sandbox, tmp_path):
    sandbox.script({"status": 503})
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(10)])
    first = start_segmo("import", path, *options)
    wait_until(lambda: sandbox.stats("segment")["requests"] > 0, "the first import sends")
    second = segmo("import", path, *options)
    assert second.returncode == REFUSED and "another process is importing this file" in second.stderr
    first.kill()


def records_in(segmo, offline):
    return json.loads(segmo("stats", "--json", *offline).stdout)["records"]


def place_of_import(spool):
    """The offset that the import keeps: the last eight bytes of its state."""
    return max((int.from_bytes(path.read_bytes()[-8:], "little") for path in spool.glob("import-*.state")), default=0)


def test_a_killed_import_resumes_without_loss_or_doubles(segmo, start_segmo, options, offline, sandbox, spool,
                                                          tmp_path):
    count = 40000
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(count)])
    dice = random.Random(7)
    killed = 0
    for _ in range(KILLS):
        before = place_of_import(spool)
        running = start_segmo("import", path, "--no-wait", *offline)
        end = time.monotonic() + PATIENCE_S
        while running.popen.poll() is None and place_of_import(spool) <= before:  # no pause: a line takes microseconds
            assert time.monotonic() < end, "the import does not read on"
        time.sleep(dice.random() * 0.004)
        if running.popen.poll() is None:
            running.kill()
            killed += 1
        running.end()
    assert killed > KILLS // 2
    ran = segmo("import", path, "--no-wait", *offline)
    assert ran.returncode == DONE, ran.stderr
    assert records_in(segmo, offline) == count
    assert segmo("import", path, *options).returncode == DONE
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"], stats["seq"]["unique"]) == (count, 0, count)


def test_an_import_that_is_killed_while_delivering_loses_nothing(segmo, start_segmo, options, sandbox, tmp_path):
    count = 5000
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(count)])
    for pause_s in (0.02, 0.05, 0.1):
        running = start_segmo("import", path, *options)
        time.sleep(pause_s)
        running.kill()
        running.end()
    ran = segmo("import", path, *options)
    assert ran.returncode == DONE, ran.stderr
    stats = sandbox.stats("segment")
    assert stats["unique"] == count
    assert stats["duplicates"] <= 3 * 32 * 100, "at most batches in flight times kills"


def test_ctrl_c_stops_in_order_and_the_same_command_goes_on(segmo, start_segmo, options, sandbox, tmp_path):
    sandbox.script({"status": 503})
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(100)])
    running = start_segmo("import", path, *options)
    wait_until(lambda: sandbox.stats("segment")["requests"] > 0, "the import sends")
    running.popen.send_signal(signal.SIGINT)
    assert running.wait() == INTERRUPTED
    sandbox.script()
    assert segmo("import", path, *options).returncode == DONE
    assert sandbox.stats("segment")["unique"] == 100


def test_a_full_spool_makes_the_import_wait_for_room(segmo, options, sandbox, tmp_path):
    sandbox.script({"latency_ms": 5})
    messages = [track(n, context={"filler": "x" * 900}) for n in range(4000)]
    path = write_lines(tmp_path / "events.ndjson", messages)
    ran = segmo("import", path, "--json", "--set", "spool.max_bytes=1MiB", *options)
    assert ran.returncode == DONE, ran.stderr
    assert json.loads(ran.stdout)["destinations"]["segment"]["delivered"] == 4000
    assert sandbox.stats("segment")["unique"] == 4000


@pytest.mark.parametrize("timeout, delivers, code", [("300", "true", TIMEOUT), ("0", "false", REFUSED)])
def test_a_spool_that_stays_full_ends_the_import_and_it_can_go_on(segmo, options, sandbox, tmp_path, timeout,
                                                                   delivers, code):
    sandbox.script({"status": 503})
    messages = [track(n, context={"filler": "x" * 900}) for n in range(2000)]
    path = write_lines(tmp_path / "events.ndjson", messages)
    ran = segmo("import", path, "--timeout-ms", timeout, "--json", *options, "--set", "spool.max_bytes=1MiB",
                "--set", "delivery.enabled=%s" % delivers)
    assert ran.returncode == code
    assert "spool.max_bytes" in ran.stderr
    assert 0 < json.loads(ran.stdout)["accepted"] < 2000
    sandbox.script()
    assert segmo("import", path, *options).returncode == DONE
    assert sandbox.stats("segment")["unique"] == 2000


def test_progress_is_shown_on_a_terminal_only(segmo, options, sandbox, tmp_path):
    sandbox.script({"latency_ms": 600})
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(200)])
    quiet = segmo("import", path, *options)
    assert "delivered" not in quiet.stderr
    shown = on_terminal(["import", path, "--again", *options])
    assert "delivered" in shown and "/s" in shown


def on_terminal(arguments):
    """What the program writes to stderr when that is a terminal."""
    try:
        ours, its = pty.openpty()
    except OSError as lacking:
        pytest.skip(f"not run: no terminal can be opened here: {lacking}")
    running = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=its, env=ENVIRONMENT)
    os.close(its)
    written = b""
    try:
        while True:
            written += os.read(ours, 4096)
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert running.wait() == DONE
    return written.decode()


def test_an_import_that_syncs_every_line_keeps_them_all(segmo, options, sandbox, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(20)])
    assert segmo("import", path, "--set", "spool.sync=always", *options).returncode == DONE
    assert sandbox.stats("segment")["unique"] == 20


def test_memory_and_not_waiting_do_not_go_together(segmo, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(1)])
    ran = segmo("import", path, "--no-wait", "--set", "spool.memory_only=true", "--set", "segment.write_key=WK1")
    assert ran.returncode == USAGE and "spool.memory_only" in ran.stderr


def test_an_import_without_a_spool_on_disk_delivers_from_memory(segmo, sandbox, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(20)])
    ran = segmo("import", path, "--set", "spool.memory_only=true", "--set", "segment.write_key=WK1", "--set",
                "segment.host=%s" % sandbox.url)
    assert ran.returncode == DONE, ran.stderr
    assert sandbox.stats("segment")["unique"] == 20


# ---- transform and explain ----

MESSAGE = json.dumps({"type": "track", "userId": "u1", "event": "Order Completed", "messageId": "m1",
                      "timestamp": "2026-01-02T03:04:05.678Z", "properties": {"orderTotal": 9007199254740993}})


def test_transform_shows_what_each_destination_would_get(segmo, sandbox):
    both = segmo("transform", MESSAGE, "--set", "segment.write_key=WK1", *moengage(sandbox))
    assert both.returncode == DONE, both.stderr
    answer = json.loads(both.stdout)
    assert answer["segment"]["requests"][0]["url"] == "https://api.segment.io/v1/batch"
    assert "order_total" in json.dumps(answer["moengage"])
    one = segmo("transform", MESSAGE, "--to", "moengage", "--pretty", *moengage(sandbox))
    assert "\n    " in one.stdout
    assert json.loads(one.stdout)["requests"][0]["url"].startswith(sandbox.url)
    assert "9007199254740993" in one.stdout
    assert sandbox.stats("moengage")["requests"] == 0


def test_transform_takes_a_file_over_several_lines_or_one_message_a_line(segmo, sandbox, tmp_path):
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(MESSAGE), indent=2))
    many = write_lines(tmp_path / "many.ndjson", [MESSAGE, '{"type":"track"}', MESSAGE])
    options = ["--to", "moengage", *moengage(sandbox)]
    single = segmo("transform", pretty, *options)
    assert (single.returncode, len(single.stdout.splitlines())) == (DONE, 1)
    several = segmo("transform", many, *options)
    assert (several.returncode, len(several.stdout.splitlines())) == (REFUSED, 2)
    assert "line 2:" in several.stderr


STREAMS = {"app_name": "Shop", "source": "MOENGAGE", "moe_request_id": "r1", "events": [
    {"event_name": "Email Clicked", "event_code": "MOE_EMAIL_CLICK", "event_uuid": "ev-1",
     "event_time": 1767607872, "event_type": "CAMPAIGN_EVENT", "event_source": "MOENGAGE", "uid": "u-77",
     "event_attributes": {"campaign_id": "c1", "campaign_name": "January"},
     "user_attributes": {"moengage_user_id": "mu-5"}, "device_attributes": {}},
    {"event_name": "No id", "event_code": "X", "event_time": 1767607872, "event_type": "CAMPAIGN_EVENT",
     "event_source": "MOENGAGE", "uid": "u-77", "event_attributes": {}, "user_attributes": {}}]}


def test_transform_turns_a_streams_payload_into_messages_that_import_takes(segmo, options, sandbox):
    ran = segmo("transform", "-", "--streams", *options, stdin=json.dumps(STREAMS))
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(m["type"], m["userId"]) for m in messages] == [("track", "u-77")]
    assert ran.returncode == REFUSED and "event 1:" in ran.stderr
    assert segmo("import", "-", *options, stdin=ran.stdout).returncode == DONE
    assert sandbox.stats("segment")["unique"] == 1


def test_explain_says_who_gets_a_message_and_why_not(segmo, sandbox):
    anonymous = json.dumps({"type": "track", "anonymousId": "a1", "event": "E"})
    arguments = ["explain", anonymous, "--set", "segment.write_key=WK1", *moengage(sandbox)]
    ran = segmo(*arguments)
    assert ran.returncode == DONE, ran.stderr
    assert "segment   yes" in ran.stdout and "moengage  no   no_user_id" in ran.stdout
    answer = json.loads(segmo(*arguments, "--json").stdout)
    assert answer["segment"]["send"] is True and answer["moengage"]["reason"] == "no_user_id"


@pytest.mark.parametrize("message, reason", [
    ({"type": "track", "userId": "guest", "event": "Lamp Lit"}, "refused_user_id"),
    ({"type": "identify", "userId": " "}, "no_user_id"),
    ({"type": "alias", "userId": "u-1", "previousId": "u-1"}, "same_user_id")],
    ids=["refused user", "blank user", "same user"])
def test_explain_and_send_know_what_moengage_refuses(segmo, options, sandbox, message, reason):
    both = [*options, *moengage(sandbox), "--set", "moengage.alias_merge=true"]
    explained = json.loads(segmo("explain", json.dumps(message), "--json", *both).stdout)["moengage"]
    assert (explained["send"], explained["reason"]) == (False, reason) and explained["words"]
    sent = segmo("send", "-", "--json", *both, stdin=json.dumps(message))
    assert json.loads(sent.stdout)["destinations"] == {"segment": "delivered", "moengage": "skipped: " + reason}


def test_explain_refuses_what_a_client_would_refuse(segmo):
    ran = segmo("explain", '{"type":"track","userId":"u1"}', "--set", "segment.write_key=WK1")
    assert ran.returncode == REFUSED and "/event" in ran.stderr


def test_explain_and_transform_say_when_the_input_is_missing(segmo):
    for command in ("explain", "transform"):
        ran = segmo(command, "/nowhere.json", "--set", "segment.write_key=WK1")
        assert ran.returncode == INPUT and "/nowhere.json" in ran.stderr


# ---- stats ----

def test_stats_shows_what_waits(segmo, offline, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(n) for n in range(5)])
    assert segmo("import", path, "--no-wait", *offline).returncode == DONE
    counts = json.loads(segmo("stats", "--json", *offline).stdout)
    assert counts["records"] == 5 and counts["destinations"]["segment"]["pending"] == 5
    words = segmo("stats", *offline).stdout
    assert [line.split() for line in words.splitlines() if line.startswith("messages")] == [["messages", "5"]]


# ---- doctor ----

def lines_of(ran):
    return {entry["check"]: entry for entry in json.loads(ran.stdout)}


def test_doctor_finds_nothing_wrong_with_a_good_setup(segmo, options, sandbox):
    ran = segmo("doctor", "--json", *options, *moengage(sandbox))
    assert ran.returncode == DONE, ran.stdout
    checks = lines_of(ran)
    for name in ("configuration", "disk", "segment", "moengage", "dead letters"):
        assert checks[name]["result"] == "OK", checks[name]
    assert sandbox.stats("segment")["accepted"] == sandbox.stats("moengage")["accepted"] == 0


def test_doctor_prints_a_line_a_check_with_a_remedy(segmo, spool):
    port = closed_port()
    ran = segmo("doctor", "--set", "spool.dir=%s" % spool, "--set", "segment.write_key=WK1", "--set",
                "segment.host=http://127.0.0.1:%d" % port)
    assert ran.returncode == REFUSED
    assert "FAIL  segment" in ran.stdout and str(port) in ran.stdout and "-> check" in ran.stdout
    assert "OK    disk" in ran.stdout


@pytest.mark.parametrize("option, check", [("spool.dir=/proc/nowhere", "spool"),
                                           ("delivery.ca_file=/nowhere.pem", "certificates")])
def test_doctor_fails_for_what_cannot_work(segmo, options, option, check):
    ran = segmo("doctor", "--json", *options, "--set", option)
    assert ran.returncode == REFUSED
    assert lines_of(ran)[check]["result"] == "FAIL"


def test_doctor_tries_the_proxy_and_keeps_its_password(segmo, options):
    ran = segmo("doctor", *options, "--set", "delivery.proxy=http://me:sesame@127.0.0.1:%d" % closed_port())
    assert ran.returncode == REFUSED
    assert "connect to 127.0.0.1" in ran.stdout and "sesame" not in ran.stdout + ran.stderr


def test_doctor_misses_a_destination(segmo, spool):
    ran = segmo("doctor", "--json", "--set", "spool.dir=%s" % spool)
    assert ran.returncode == REFUSED
    assert "segment.write_key" in lines_of(ran)["destinations"]["remedy"]


def test_doctor_names_the_right_host_for_a_wrong_one(segmo, spool):
    ran = segmo("doctor", "--json", "--set", "spool.dir=%s" % spool, "--set", "moengage.app_id=A", "--set",
                "moengage.data_api_key=K", "--set", "moengage.url=https://dashboard-03.moengage.com")
    remedies = [entry["remedy"] for entry in json.loads(ran.stdout) if entry["check"] == "moengage"]
    assert "the API of this data centre is api-03.moengage.com" in remedies


def test_doctor_warns_of_letters_and_of_what_dead_processes_left(segmo, options, offline, dead_letter, tmp_path):
    path = write_lines(tmp_path / "events.ndjson", [track(1)])
    assert segmo("import", path, "--no-wait", *offline).returncode == DONE
    checks = lines_of(segmo("doctor", "--json", *options))
    assert checks["dead letters"]["result"] == "WARN" and checks["dead letters"]["words"].startswith("1 ")
    assert checks["orphans"]["result"] == "WARN"


# ---- e2e ----

def e2e(segmo, sandbox, sequences, patience_s=60, **config):
    given = {"writeKey": "WK1", "apiHost": sandbox.url, "sequences": sequences,
             "config": dict({"flushInterval": 50, "flushAt": 20, "maxRetries": 3, "timeout": 5}, **config)}
    ran = segmo("e2e", "--input", json.dumps(given), patience_s=patience_s,
                env={"AUTH_HEADER": "true", "GENERIC_RETRY_AFTER": "true"})
    return ran.returncode, json.loads(ran.stdout.splitlines()[-1]), ran


def events(*numbers):
    return [{"delayMs": 0, "events": [track(number) for number in numbers]}]


def test_e2e_delivers_all_six_calls(segmo, sandbox):
    calls = [{"type": "identify", "userId": "u1", "traits": {"a": 1}}, track(1),
             {"type": "page", "userId": "u1", "name": "Home"}, {"type": "screen", "userId": "u1", "name": "Home"},
             {"type": "group", "userId": "u1", "groupId": "g1"},
             {"type": "alias", "userId": "u2", "previousId": "u1"}]
    code, result, _ = e2e(segmo, sandbox, [{"delayMs": 0, "events": calls}])
    assert (code, result["success"]) == (DONE, True)
    assert sandbox.stats("segment")["calls"] == {call["type"]: 1 for call in calls}


def test_e2e_counts_batches_by_flushAt_and_waits_delayMs(segmo, sandbox):
    started = time.monotonic()
    code, result, _ = e2e(segmo, sandbox, [{"delayMs": 0, "events": [track(1)]},
                                           {"delayMs": 700, "events": [track(2)]}])
    assert (code, result) == (DONE, {"success": True, "sentBatches": 2})
    assert time.monotonic() - started >= 0.7
    assert sandbox.stats("segment")["requests"] == 2


@pytest.mark.parametrize("status", [500, 502, 503, 504, 508, 408, 410, 429, 460])
def test_e2e_retries_what_may_pass(segmo, sandbox, status):
    sandbox.script({"status": status, "times": 1})
    code, result, _ = e2e(segmo, sandbox, events(1))
    assert (code, result) == (DONE, {"success": True, "sentBatches": 1})
    assert sandbox.stats("segment")["requests"] == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 501, 505])
def test_e2e_sends_once_what_is_refused_for_good(segmo, sandbox, status):
    sandbox.script({"status": status})
    code, result, _ = e2e(segmo, sandbox, events(1))
    assert (code, result["success"], result["sentBatches"]) == (REFUSED, False, 0)
    assert str(status) in result["error"]
    assert sandbox.stats("segment")["requests"] == 1


def test_e2e_gives_up_after_maxRetries(segmo, sandbox):
    sandbox.script({"status": 503})
    code, result, _ = e2e(segmo, sandbox, events(1), maxRetries=2)
    assert (code, result["success"]) == (REFUSED, False)
    assert sandbox.stats("segment")["requests"] == 3


def test_e2e_retries_a_connection_that_is_reset(segmo, sandbox):
    sandbox.script({"reset_after_bytes": 10, "times": 1})
    code, result, _ = e2e(segmo, sandbox, events(1))
    assert (code, result["success"]) == (DONE, True)
    assert sandbox.stats("segment")["unique"] == 1


@pytest.mark.parametrize("status", [429, 503])
def test_e2e_waits_as_long_as_it_is_told_and_that_costs_no_retry(segmo, sandbox, status):
    sandbox.script({"status": status, "times": 2, "retry_after": 1})
    started = time.monotonic()
    code, result, _ = e2e(segmo, sandbox, events(1), maxRetries=1)
    assert (code, result["success"]) == (DONE, True)
    assert time.monotonic() - started >= 2


def test_e2e_says_what_was_refused_and_sends_the_rest(segmo, sandbox):
    code, result, ran = e2e(segmo, sandbox, [{"delayMs": 0, "events": [{"type": "track", "event": "E"}, track(1)]}])
    assert (code, result["success"]) == (REFUSED, False)
    assert "userId" in result["error"] and "an event was refused" in ran.stderr
    assert sandbox.stats("segment")["unique"] == 1


def test_e2e_answers_in_json_even_when_its_input_is_none(segmo):
    ran = segmo("e2e", "--input", "{nope")
    assert ran.returncode == REFUSED
    assert json.loads(ran.stdout)["success"] is False
