"""Where messages wait: full, damaged, forbidden, taken away. What was accepted is delivered or accounted for."""
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import threading

import pytest

from harness import ENVIRONMENT, wait_until
from led_host import SETTINGS, LedHost, to_both, to_segment, tracks

MIB = 1 << 20


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


def wide(count, first=0, size=4000):
    """Messages of some thousand bytes."""
    return [dict(message, properties={"seq": seq, "pad": "x" * size})
            for seq, message in enumerate(tracks(count, first), first)]


def dead(segmo, spool, *words):
    return segmo("dead", *words, "--json", "--set", "spool.dir=%s" % spool)


def letters(segmo, spool):
    return json.loads(dead(segmo, spool, "list").stdout)


def fill(host, most=2000):
    """Puts messages until one is refused; answers how many were accepted."""
    for count, message in enumerate(wide(most)):
        answer = host.put(message)
        if not answer.ok:
            assert answer["status"] == "SEGMO_ERR_FULL"
            return count
    pytest.fail("%d messages fitted" % most)


# ---- full ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["refuse", "block"])
def test_a_full_spool_refuses_and_goes_on_when_there_is_room(host, sandbox, spool, policy):
    sandbox.script({"status": 503})
    assert host.open(to_segment(sandbox.url, spool, **{"spool.max_bytes": MIB, "spool.when_full": policy})).ok
    accepted = fill(host)
    assert host.ask("room", 50)["status"] == "SEGMO_ERR_TIMEOUT"
    host.check_accounts(segment_pending=accepted)
    sandbox.script()
    assert host.ask("room", 20000).ok
    host.put_all(wide(10, first=5000))
    assert host.flush().ok
    host.check_accounts(segment_delivered=accepted + 10)
    assert sandbox.stats("segment")["unique"] == accepted + 10


def test_drop_oldest_makes_dead_letters_of_the_oldest(host, sandbox, segmo, spool, tmp_path):
    file = tmp_path / "segmo.json"
    options = to_segment(sandbox.url, str(spool), **{"spool.max_bytes": MIB, "spool.when_full": "drop_oldest"})
    file.write_text(json.dumps(dict(options, **{"delivery.enabled": False})))
    assert host.open(file=file).ok
    host.put_all(wide(600))
    wait_until(lambda: host.stats("segment")["pending_bytes"] <= MIB, "it is back under the quota")
    dropped = host.stats("segment")["dead"]
    assert dropped > 100
    file.write_text(json.dumps(options))
    host.wait_delivered(600 - dropped)
    host.check_accounts(segment_dead=dropped, segment_delivered=600 - dropped)
    assert [letter["message"]["properties"]["seq"] for letter in letters(segmo, spool)] == list(range(dropped))
    assert {letter["reason"] for letter in letters(segmo, spool)} == {"spool_full"}
    assert sandbox.stats("segment")["unique"] == 600 - dropped


def test_drop_oldest_leaves_alone_what_is_on_its_way(host, receive, segmo, spool):
    answers = threading.Event()
    receiver = receive(lambda request, number: answers.wait() and (200, {}, b"{}"))
    assert host.open(to_segment(receiver.url, spool, **{"spool.max_bytes": MIB, "spool.when_full": "drop_oldest",
                                                        "delivery.flush_at": 50})).ok
    host.put_all(wide(50))
    wait_until(lambda: receiver.requests, "the first are on their way")
    host.put_all(wide(500, first=50))
    wait_until(lambda: host.stats("segment")["pending_bytes"] <= MIB, "it is back under the quota")
    answers.set()
    assert host.flush().ok
    dead = {letter["message"]["messageId"] for letter in letters(segmo, spool)}
    arrived = set(receiver.delivered())
    assert len(dead) > 100 and len(dead) + len(arrived) == 550 and not dead & arrived
    host.check_accounts(segment_dead=len(dead), segment_delivered=len(arrived), segment_pending=0)


def test_a_source_that_is_gone_does_not_end_dropping_the_oldest(host, sandbox, spool, tmp_path):
    def settings(*names):
        return json.dumps(to_segment(sandbox.url, str(spool), **{
            "spool.max_bytes": MIB, "spool.when_full": "drop_oldest", "delivery.enabled": False,
            "sources": [{"id": name, "segment.write_key": "WK-" + name} for name in names]}))
    file = tmp_path / "segmo.json"
    file.write_text(settings("old", "new"))
    assert host.open(file=file).ok
    for message in wide(10):
        assert host.put(message, source="old").ok
    file.write_text(settings("new"))
    host.wait_report(SETTINGS)
    for message in wide(400, first=10):
        assert host.put(message, source="new").ok
    wait_until(lambda: host.stats("segment")["pending_bytes"] <= MIB, "it is back under the quota")
    host.check_accounts(segment_pending=410 - host.stats("segment")["dead"])


def test_one_destination_over_its_quota_never_stops_the_other(host, start_sandbox, segmo, spool):
    well, sick = start_sandbox(), start_sandbox()
    sick.script({"status": 503})
    assert host.open(to_both(well.url, sick.url, spool), **{"spool.max_bytes": MIB}).ok
    for at in range(0, 600, 100):
        for message in wide(100, first=at):
            while not host.put(message).ok:
                host.ask("room", 10)
    host.wait_delivered(600, "segment")
    overflow = host.stats("moengage")["dead"]
    assert overflow > 100
    assert {(letter["destination"], letter["reason"]) for letter in letters(segmo, spool)} == {
        ("moengage", "spool_full")}
    sick.script()
    assert host.flush().ok
    host.check_accounts(segment_delivered=600, moengage_delivered=600 - overflow, moengage_dead=overflow)
    assert sick.stats("moengage")["unique"] == 600 - overflow


def test_a_full_disk_refuses_and_loses_nothing_that_was_accepted(host, sandbox, small_disk):
    sandbox.script({"status": 503})
    assert host.open(to_segment(sandbox.url, small_disk / "spool")).ok
    accepted = fill(host, most=8000)
    ballast = small_disk / "ballast"
    left = os.statvfs(small_disk)
    ballast.write_bytes(b"x" * max(0, left.f_bavail * left.f_frsize - 65536))
    sandbox.script()
    assert host.flush().ok
    host.check_accounts(segment_delivered=accepted)
    ballast.unlink()
    assert wait_until(lambda: host.put(tracks(1, first=90000)[0]).ok, "there is room again")
    assert host.flush().ok
    assert sandbox.stats("segment")["unique"] == accepted + 1


# ---- directories -----------------------------------------------------------------------------------


def test_a_missing_directory_is_made_and_private_whatever_the_umask(host, sandbox, spool):
    sandbox.script({"status": 422, "match": "\"bad\""}, {"status": 503})
    below = spool / "made" / "here"
    assert host.open(to_segment(sandbox.url, below, **{"delivery.flush_at": 1})).ok
    host.put_all(tracks(1, event="bad") + tracks(3, first=1))
    wait_until(lambda: host.stats("segment")["dead"] == 1, "one is dead")
    seen = [path for path in below.rglob("*")]
    assert any(path.suffix == ".seg" for path in seen) and any(path.suffix == ".ndjson" for path in seen)
    for path in [below, *seen]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))


def test_a_file_in_place_of_the_directory_is_named(host, spool):
    spool.write_text("I am a file")
    answer = host.open(to_segment("http://127.0.0.1:1", spool))
    assert answer["status"] == "SEGMO_ERR_IO"
    assert str(spool) in answer["message"]


def become_nobody():
    os.setgid(65534)
    os.setuid(65534)


def test_a_directory_without_permission_is_named(processes, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("not run: needs root to give up privileges")
    place = pathlib.Path("/var/tmp/segmo-test-%d" % os.getpid())
    place.mkdir(mode=0o700)
    try:
        try:
            host = processes(LedHost(preexec_fn=become_nobody))
        except (PermissionError, subprocess.SubprocessError) as refused:
            pytest.skip("not run: another user cannot start the host program: %s" % refused)
        answer = host.open(to_segment("http://127.0.0.1:1", place / "spool"))
        assert answer["status"] == "SEGMO_ERR_IO"
        assert str(place) in answer["message"]
    finally:
        shutil.rmtree(place)


def test_a_read_only_disk_is_named(host, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    answer = host.open(to_segment("http://127.0.0.1:1", small_disk / "spool"))
    assert answer["status"] == "SEGMO_ERR_IO"
    assert str(small_disk) in answer["message"]


def test_a_directory_that_is_taken_away_costs_nothing_that_waits(host, sandbox, spool):
    sandbox.script({"status": 503})
    assert host.open(to_segment(sandbox.url, spool)).ok
    host.put_all(tracks(200))
    sandbox.wait_for("segment", requests=1)  # the file is in use: what goes before that is lost, and counted as damaged
    shutil.rmtree(spool)
    host.put_all(tracks(50, first=200))
    sandbox.script()
    assert host.flush().ok
    host.check_accounts(segment_delivered=250)
    assert sandbox.stats("segment")["unique"] == 250


def test_memory_only_leaves_no_file_and_delivers(processes, sandbox, tmp_path):
    sandbox.script({"status": 503, "times": 2})
    host = processes(LedHost(env=dict(ENVIRONMENT, HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path))))
    options = to_segment(sandbox.url, None, **{"spool.memory_only": "true"})
    del options["spool.dir"]
    assert host.open(options).ok
    host.put_all(tracks(500))
    assert host.flush().ok
    host.check_accounts(segment_delivered=500)
    assert list(tmp_path.iterdir()) == []


# ---- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_damaged_files_cost_only_what_was_damaged(processes, sandbox, segmo, spool, seed):
    dice = random.Random(seed)
    leaver = processes(LedHost())
    assert leaver.open(to_segment(sandbox.url, spool, **{"delivery.enabled": "false"})).ok
    leaver.put_all(tracks(500))
    leaver.kill()
    file, = [path for path in spool.rglob("*.seg") if path.stat().st_size > 0 and b"m-499" in path.read_bytes()]
    content = bytearray(file.read_bytes())
    first, end = content.index(b"m-0"), content.index(b"m-499")
    flips = 0 if seed == 0 else 5
    for _ in range(flips):
        content[dice.randrange(first, end)] ^= 1 << dice.randrange(8)
    if seed % 2 == 0:
        del content[dice.randrange(first, end):]
    file.write_bytes(content)
    whole = {"m-%d" % seq for seq in range(500) if b'"m-%d"' % seq in content}
    sent = segmo("send", "track", "--user", "last", "--event", "Last", *(
        word for name, value in to_segment(sandbox.url, spool).items() for word in ("--set", "%s=%s" % (name, value))))
    assert sent.returncode == 0, sent.stderr
    last = processes(LedHost())
    assert last.open(to_segment(sandbox.url, spool)).ok
    assert last.flush().ok
    assert sandbox.stats("segment")["unique"] >= len(whole) - flips - 1
    assert sandbox.stats("segment")["duplicates"] == 0
    last.check_accounts(segment_pending=0)


def test_records_of_another_source_stay_for_their_owner(processes, start_sandbox, spool):
    ours, theirs = start_sandbox(), start_sandbox()
    foreign = {"source.id": "theirs", "segment.write_key": "WK-theirs"}
    leaver = processes(LedHost())
    assert leaver.open(to_segment(theirs.url, spool, **{"delivery.enabled": "false"}), foreign).ok
    leaver.put_all(tracks(50))
    leaver.kill()
    us = processes(LedHost())
    assert us.open(to_segment(ours.url, spool)).ok
    us.put_all(tracks(10, first=100))
    assert us.flush().ok
    assert us.close().ok
    assert ours.stats("segment")["unique"] == 10
    owner = processes(LedHost())
    assert owner.open(to_segment(theirs.url, spool), foreign).ok
    assert owner.flush().ok
    assert theirs.stats("segment")["unique"] == 50
    owner.check_accounts(segment_delivered=50)


# ---- dead letters ----------------------------------------------------------------------------------


def test_dead_letters_are_listed_retried_and_dropped_by_the_program(host, sandbox, segmo, spool):
    sandbox.script({"status": 422, "match": "\"bad\"", "body": "no"})
    assert host.open(to_segment(sandbox.url, spool)).ok
    for at in range(6):
        host.put_all(tracks(1, first=at, event="bad"))
        assert host.flush().ok
    host.check_accounts(segment_dead=6)
    listed = letters(segmo, spool)
    assert [letter["message"]["messageId"] for letter in listed] == ["m-%d" % seq for seq in range(6)]
    assert json.loads(dead(segmo, spool, "show", listed[2]["id"]).stdout)["message"]["messageId"] == "m-2"
    assert dead(segmo, spool, "drop", "--id", listed[0]["id"], "--yes").returncode == 0
    assert len(letters(segmo, spool)) == 5
    sandbox.script()
    assert dead(segmo, spool, "retry", "--id", listed[1]["id"]).returncode == 0
    assert dead(segmo, spool, "retry", "--all").returncode == 0
    assert letters(segmo, spool) == []
    host.wait_delivered(5)
    segment = sandbox.stats("segment")
    assert (segment["unique"], segment["duplicates"]) == (5, 0)
    host.check_accounts(segment_delivered=5, segment_dead=6)


def test_retrying_while_letters_are_written_loses_none(host, sandbox, segmo, spool):
    sandbox.script({"status": 422})
    assert host.open(to_segment(sandbox.url, spool, **{"delivery.flush_at": 1})).ok
    host.put_all(tracks(3000))
    retried = 0
    while host.stats("segment")["dead"] < 3000:
        retried += json.loads(dead(segmo, spool, "retry", "--all").stdout)["retried"]
    assert retried > 0
    assert host.flush().ok
    sandbox.script()
    assert dead(segmo, spool, "retry", "--all").returncode == 0
    sandbox.wait_for("segment", unique=3000)
    assert sandbox.stats("segment")["duplicates"] == 0
