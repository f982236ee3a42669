"""The client against the sandbox: what arrives, what is refused, and how waiting ends."""
import asyncio
import datetime
import json
import logging
import signal
import threading
import time
import uuid
import weakref

import pytest

import segmo


def received(sandbox, count=1):
    sandbox.wait_for("segment", unique=count)
    return [entry["message"] for entry in sandbox.messages()]


def test_the_six_calls_arrive_as_they_were_made(client, sandbox):
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    client.identify("u-1", {"plan": "a"}, anonymous_id="a-1", timestamp=at)
    client.track("u-1", "Lamp Lit", {"watts": 9}, context={"ip": "203.0.113.7"}, message_id="m-2")
    client.page("u-1", "Home", {"path": "/"}, category="Docs")
    client.screen("u-1", "Start", integrations={"All": False})
    client.group("u-1", "g-1", {"name": "Lamps"})
    client.alias("old", "u-1")
    assert client.flush(20)
    by_type = {message["type"]: message for message in received(sandbox, 6)}
    assert by_type["identify"]["traits"] == {"plan": "a"}
    assert by_type["identify"]["anonymousId"] == "a-1"
    assert by_type["identify"]["timestamp"] == "2026-01-02T03:04:05Z"
    assert (by_type["track"]["event"], by_type["track"]["properties"]) == ("Lamp Lit", {"watts": 9})
    assert (by_type["track"]["messageId"], by_type["track"]["context"]["ip"]) == ("m-2", "203.0.113.7")
    assert (by_type["page"]["name"], by_type["page"]["category"]) == ("Home", "Docs")
    assert (by_type["screen"]["name"], by_type["screen"]["integrations"]) == ("Start", {"All": False})
    assert (by_type["group"]["groupId"], by_type["group"]["traits"]) == ("g-1", {"name": "Lamps"})
    assert (by_type["alias"]["previousId"], by_type["alias"]["userId"]) == ("old", "u-1")


def test_messages_name_the_package(client, sandbox):
    client.track("u-1", "Lamp Lit")
    assert client.flush(20)
    assert received(sandbox)[0]["context"]["library"] == {"name": "segmo-python", "version": segmo.__version__}


def test_the_application_may_name_itself(options, sandbox):
    with segmo.Client(**options, library_name="shop", library_version="7") as client:
        client.track("u-1", "Lamp Lit")
    assert received(sandbox)[0]["context"]["library"] == {"name": "shop", "version": "7"}


def test_ids_may_be_uuids(client, sandbox):
    client.track(uuid.UUID(int=7), "Lamp Lit")
    assert client.flush(20)
    assert received(sandbox)[0]["userId"] == "00000000-0000-0000-0000-000000000007"


# ---- options ----

def test_an_unknown_option_is_refused_with_the_nearest_one():
    with pytest.raises(segmo.OptionError) as refused:
        segmo.Client(segment_write_kay="WK1")
    assert refused.value.field == "segment_write_kay"
    assert "segment_write_key" in refused.value.message
    assert refused.value.status == "SEGMO_ERR_OPTION"


def test_a_setting_of_kafka_is_handed_on_in_its_own_words():
    with pytest.raises(segmo.OptionError) as refused:
        segmo.Client(segment_write_key="WK1", spool_memory_only=True, kafka_bootstrap_servers="127.0.0.1:1",
                     kafka_security_protocol="carrier pigeon")
    assert refused.value.field == "kafka.security.protocol"
    with pytest.raises(segmo.OptionError, match="segmo itself"):
        segmo.Client(segment_write_key="WK1", kafka_group_id="mine")
    client = segmo.Client(segment_write_key="WK1", spool_memory_only=True, kafka_bootstrap_servers="127.0.0.1:1",
                          kafka_security_protocol="plaintext", kafka_queue_buffering_max_kbytes=1024)
    client.track("u-1", "Lamp Lit")
    assert client.stats()["destinations"]["kafka"]["accepted"] == 1
    client.close(0)


class SecretStr:
    def __str__(self):
        return "*****"


@pytest.mark.parametrize("key", [b"WK1", SecretStr(), "WK1\0more"])
def test_an_option_whose_text_would_not_be_what_was_meant_is_refused(key):
    with pytest.raises(segmo.OptionError) as refused:
        segmo.Client(segment_write_key=key, spool_memory_only=True, delivery_enabled=False)
    assert refused.value.field == "segment_write_key"
    assert "WK1" not in str(refused.value)


def test_an_option_may_be_a_path(tmp_path):
    client = segmo.Client(segment_write_key="WK1", spool_dir=tmp_path / "deep", delivery_enabled=False)
    assert client.close(0) and (tmp_path / "deep").is_dir()


def test_a_keyword_beats_the_environment_which_beats_the_file(tmp_path, monkeypatch):
    file = tmp_path / "segmo.json"
    file.write_text(json.dumps({"segment": {"write_key": "WK1"}, "close": {"timeout_ms": "1s"},
                                "spool": {"memory_only": True}, "delivery": {"enabled": False}}))
    assert segmo.Client(file)._close_timeout_s == 1
    monkeypatch.setenv("SEGMO_CLOSE_TIMEOUT_MS", "2s")
    assert segmo.Client(file)._close_timeout_s == 2
    assert segmo.Client(file, close_timeout_ms=3000)._close_timeout_s == 3
    monkeypatch.setenv("SEGMO_CONFIG", str(file))
    assert segmo.Client()._close_timeout_s == 2


def test_a_misspelt_environment_variable_is_refused(monkeypatch):
    monkeypatch.setenv("SEGMO_SEGMENT_WRITE_KAY", "WK1")
    with pytest.raises(segmo.OptionError, match="SEGMO_SEGMENT_WRITE_KEY"):
        segmo.Client(segment_write_key="WK1")


def test_several_sources(options, sandbox):
    options.pop("segment_write_key")
    with segmo.Client(**options, sources=[{"id": "web", "segment.write_key": "WK2"},
                                          {"id": "shop", "segment.write_key": "WK3"}]) as client:
        client.track("u-1", "Lamp Lit", source="shop")
        with pytest.raises(segmo.NotFoundError):
            client.track("u-1", "Lamp Lit", source="attic")
    assert len(received(sandbox)) == 1


# ---- refusals ----

def test_each_refusal_has_its_class(client):
    with pytest.raises(segmo.InvalidError) as refused:
        client.track(None, "Lamp Lit")
    assert (refused.value.field, refused.value.status) == ("/userId", "SEGMO_ERR_INVALID")
    with pytest.raises(segmo.TooLargeError):
        client.track("u-1", "Lamp Lit", {"x": "y" * 40000})
    with pytest.raises(segmo.JsonError):
        client.import_streams(b"no JSON")
    assert issubclass(segmo.InvalidError, ValueError) and issubclass(segmo.TimeoutError, TimeoutError)


def test_a_full_spool_says_so_and_keeps_what_it_has(options):
    with segmo.Client(**{**options, "delivery_enabled": False}, spool_max_bytes="1MiB", close_timeout_ms=0) as client:
        with pytest.raises(segmo.FullError) as refused:
            for _ in range(100):
                client.track("u-1", "Lamp Lit", {"x": "y" * 30000})
        assert refused.value.retryable
        assert client.stats()["destinations"]["segment"]["pending"] > 10


def test_a_full_spool_may_be_waited_for(options, sandbox):
    with segmo.Client(**options, spool_max_bytes="1MiB", spool_when_full="block") as client:
        for _ in range(200):
            client.track("u-1", "Lamp Lit", {"x": "y" * 30000})
        assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 200


def test_threads_that_wait_for_room_all_get_it(options, sandbox):
    """Also those that find it taken by another thread."""
    refused = []

    def work(user):
        try:
            for _ in range(100):
                client.track("u-%d" % user, "Lamp Lit", {"x": "y" * 30000})
        except segmo.SegmoError as error:
            refused.append(error)

    with segmo.Client(**options, spool_max_bytes="1MiB", spool_when_full="block") as client:
        threads = [threading.Thread(target=work, args=(user,)) for user in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert refused == []
        assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 800


def test_synced_before_the_call_returns(options, sandbox):
    with segmo.Client(**options, spool_sync="always") as client:
        client.track("u-1", "Lamp Lit")
    assert len(received(sandbox)) == 1


def test_a_closed_client_refuses(client):
    client.track("u-1", "Lamp Lit")
    assert client.close(20)
    assert client.close()
    for call in (lambda: client.track("u-1", "Lamp Lit"), client.flush):
        with pytest.raises(segmo.ClosedError):
            call()
    assert client.stats()["destinations"]["segment"]["delivered"] == 1


# ---- waiting ----

def test_flush_in_an_outage_says_that_messages_wait(options, spool, sandbox):
    sandbox.script({"status": 503})
    with segmo.Client(**options) as client:
        client.track("u-1", "Lamp Lit")
        assert client.flush(0.3) is False
        assert client.close(0) is False
    sandbox.script()
    with segmo.Client(**options) as client:
        assert client.flush(20)
    assert sandbox.stats("segment")["unique"] == 1


def test_flush_lets_other_threads_run(options, sandbox):
    sandbox.script({"status": 503})
    counted = []
    with segmo.Client(**options) as client:
        client.track("u-1", "Lamp Lit")
        flushing = threading.Thread(target=client.flush, args=(1,))
        flushing.start()
        while flushing.is_alive() and len(counted) < 100:
            counted.append(time.monotonic())
            time.sleep(0.001)
        assert len(counted) == 100
        flushing.join()
        client.close(0)


def test_ctrl_c_ends_a_flush(start_python, sandbox):
    sandbox.script({"status": 503})
    program = start_python("""
import segmo, time
client = segmo.Client()
client.track("u-1", "Lamp Lit")
print("flushing", flush=True)
try:
    client.flush(60)
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), flush=True)
    client.close(0)
""")
    assert program.popen.stdout.readline() == "flushing\n"
    time.sleep(0.3)
    program.popen.send_signal(signal.SIGINT)
    assert program.popen.stdout.readline().startswith("interrupted")
    assert program.wait() == 0


def test_ctrl_c_ends_a_close_which_is_not_waited_for_again_at_exit(start_python, sandbox):
    sandbox.script({"status": 503})
    program = start_python("""
import segmo
client = segmo.Client(close_timeout_ms="1h")
client.track("u-1", "Lamp Lit")
print("closing", flush=True)
try:
    client.close()
except KeyboardInterrupt:
    print(client)
""")
    assert program.popen.stdout.readline() == "closing\n"
    time.sleep(0.3)
    program.popen.send_signal(signal.SIGINT)
    assert program.popen.stdout.readline().startswith("<segmo.Client closed")
    assert program.wait() == 0


@pytest.mark.parametrize("handled", ["client.track('u-1', 'Stopped')", "client.close(20)"])
def test_a_signal_in_the_midst_of_the_first_call(run_python, sandbox, handled):
    done = run_python(f"""
import signal, sys, threading, segmo
client = segmo.Client()
handled = []

def handle(*_):
    {handled}
    handled.append(1)

def interrupt(frame, event, _):
    if (event, frame.f_code.co_name) == ("call", "start_thread"):
        sys.setprofile(None)
        signal.raise_signal(signal.SIGTERM)

signal.signal(signal.SIGTERM, handle)
sys.setprofile(interrupt)
try:
    client.track("u-1", "Lamp Lit")
except segmo.ClosedError:
    pass
client.close(20)
print(handled, threading.active_count())
""", patience_s=20)
    assert (done.returncode, done.stdout) == (0, "[1] 1\n"), done.stderr


# ---- reports ----

def test_on_error_hears_of_dead_letters(options, sandbox, caplog):
    sandbox.script({"status": 400})
    errors, reports = [], []
    with segmo.Client(**options, on_error=errors.append, on_report=reports.append) as client:
        client.track("u-1", "Lamp Lit", {"secret": "swordfish"}, message_id="m-1")
        client.flush(20)
    assert [(report["kind"], report["messageId"]) for report in errors] == [("dead", "m-1")]
    assert errors[0] in reports
    lines = [record for record in caplog.records if record.name == "segmo"]
    assert any(record.levelno == logging.ERROR and "dead" in record.getMessage() for record in lines)
    assert not any("swordfish" in record.getMessage() for record in lines)


def test_nothing_is_printed_where_no_logging_is_configured(run_python, sandbox):
    sandbox.script({"status": 400})
    done = run_python("import segmo\nwith segmo.Client() as client: client.track('u-1', 'Lamp Lit')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sandbox.stats("segment")["statuses"] == {"400": 1}


def test_an_exception_in_a_callback_stops_nothing(options, sandbox, caplog):
    def fail(report):
        raise RuntimeError("not today")
    seen = []
    sandbox.script({"status": 400, "times": 1})
    with segmo.Client(**options, delivery_flush_at=1, on_error=fail, on_report=seen.append) as client:
        for number in range(5):
            client.track("u-%d" % number, "Lamp Lit")
            client.flush(20)
    assert sandbox.stats("segment")["unique"] == 4
    assert [report["kind"] for report in seen].count("dead") == 1
    assert "on_error raised an exception" in caplog.text


class NoException(BaseException):
    pass


@pytest.mark.parametrize("raised", [SystemExit, NoException])
def test_a_callback_that_raises_what_is_no_exception_is_called_again(options, sandbox, caplog, raised):
    seen = []

    def leave(report):
        seen.append(report["kind"])
        raise raised

    sandbox.script({"status": 400})
    with segmo.Client(**options, delivery_flush_at=1, on_error=leave) as client:
        for number in range(3):
            client.track("u-%d" % number, "Lamp Lit")
            client.flush(20)
    assert seen == ["dead"] * 3
    assert "on_error raised an exception" in caplog.text


def test_a_log_handler_that_raises_costs_no_report(options, sandbox, monkeypatch):
    class Broken(logging.Handler):
        def emit(self, record):
            raise RuntimeError("no disk for logs")

    seen, told, broken = [], [], Broken()
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(str(args.exc_value)))
    sandbox.script({"status": 400})
    logging.getLogger("segmo").addHandler(broken)
    try:
        with segmo.Client(**options, delivery_flush_at=1, on_error=seen.append) as client:
            for number in range(3):
                client.track("u-%d" % number, "Lamp Lit")
                client.flush(20)
    finally:
        logging.getLogger("segmo").removeHandler(broken)
    assert len(seen) == 3
    assert set(told) == {"no disk for logs"}


def test_callbacks_run_on_a_thread_of_the_client(options, sandbox):
    sandbox.script({"status": 400})
    where = []
    with segmo.Client(**options, on_error=lambda report: where.append(threading.current_thread().name)) as client:
        client.track("u-1", "Lamp Lit")
        client.flush(20)
    assert where == ["segmo-reports"]


def test_one_thread_for_reports_however_many_begin_at_once(options):
    with segmo.Client(**options) as client:
        together = threading.Barrier(16)

        def begin():
            together.wait()
            client.track("u-1", "Lamp Lit")
        callers = [threading.Thread(target=begin) for _ in range(16)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert [thread.name for thread in threading.enumerate()].count("segmo-reports") == 1
    with pytest.raises(segmo.ClosedError):
        client.track("u-1", "Lamp Lit")
    assert "segmo-reports" not in [thread.name for thread in threading.enumerate()]


def test_a_callback_may_close_the_client(options, sandbox):
    sandbox.script({"status": 400})
    closed = threading.Event()
    with segmo.Client(**options, on_error=lambda report: (client.close(0), closed.set())) as client:
        client.track("u-1", "Lamp Lit")
        assert closed.wait(20)


def test_reports_may_be_polled(options, sandbox):
    with segmo.Client(**options, report_thread=False, reports_delivered=True) as client:
        assert client.poll() is None
        client.track("u-1", "Lamp Lit", message_id="m-1")
        report = client.poll(20)
        assert (report["kind"], report["destination"], report["messageIds"]) == ("delivered", "segment", ["m-1"])


def test_polling_beside_the_thread_is_refused(client):
    with pytest.raises(segmo.UnsupportedError):
        client.poll()


# ---- asyncio ----

def test_asyncio(options, sandbox):
    turns, seen = [], []

    async def tick():
        while True:
            turns.append(1)
            await asyncio.sleep(0.001)

    async def main():
        ticking = asyncio.create_task(tick())
        async with segmo.Client(**options, reports_delivered=True, on_report=lambda report: seen.append(
                (report["kind"], threading.current_thread()))) as client:
            client.track("u-1", "Lamp Lit")
            assert await client.aflush(20)
            sandbox.script({"status": 503})
            client.track("u-1", "Lamp Lit")
            before = len(turns)
            assert await client.aflush(0.3) is False
            assert len(turns) > before + 10
            sandbox.script()
        ticking.cancel()

    asyncio.run(main())
    assert ("delivered", threading.main_thread()) in seen


def test_attaching_without_a_loop_changes_nothing(options, sandbox):
    sandbox.script({"status": 400})
    seen = []
    with segmo.Client(**options, on_error=seen.append) as client:
        with pytest.raises(RuntimeError):
            client.attach()
        client.track("u-1", "Lamp Lit")
        client.flush(20)
    assert [report["kind"] for report in seen] == ["dead"]


def test_cancelling_a_flush(options, sandbox):
    sandbox.script({"status": 503})

    async def main():
        async with segmo.Client(**options, close_timeout_ms=0) as client:
            client.track("u-1", "Lamp Lit")
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.aflush(60), 0.2)

    asyncio.run(main())


def test_cancelling_a_close_closes(options, sandbox):
    sandbox.script({"status": 503})

    async def main():
        client = segmo.Client(**options)
        client.attach()
        client.track("u-1", "Lamp Lit")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.aclose(60), 0.2)
        with pytest.raises(segmo.ClosedError):
            client.track("u-1", "Lamp Lit")

    asyncio.run(main())


# ---- looking in ----

def test_explain_queues_nothing(client):
    told = client.explain({"type": "track", "userId": "u-1", "event": "Lamp Lit"})
    assert told["segment"]["send"] is True
    assert told["moengage"]["reason"] == "not_configured"
    assert client.stats()["accepted"] == 0


def test_import_streams(options, sandbox):
    payload = {"app_name": "Shop", "events": [{
        "event_name": "Email Opened", "event_code": "MOE_EMAIL_OPEN", "event_uuid": "e-1", "event_time": 1767322445,
        "event_type": "CAMPAIGN_EVENT", "event_source": "MOENGAGE", "uid": "u-1",
        "event_attributes": {"campaign_id": "c-1", "campaign_name": "Winter"}}]}
    with segmo.Client(**options, source_type="http") as client:
        answer = client.import_streams(json.dumps(payload))
        assert answer["accepted"] == 1, answer
        assert client.import_streams(payload)["accepted"] == 1
    assert received(sandbox)[0]["event"] == "Email Opened"


def test_many_threads(options, sandbox):
    with segmo.Client(**options) as client:
        def work(user):
            for number in range(250):
                client.track("u-%d" % user, "Lamp Lit", {"seq": user * 1000 + number})
        threads = [threading.Thread(target=work, args=(user,)) for user in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.flush(20)
    stats = sandbox.stats("segment")
    assert (stats["unique"], stats["duplicates"], stats["order_violations"], stats["users"]) == (2000, 0, 0, 8)


def test_a_forgotten_client_still_delivers(run_python, sandbox):
    done = run_python("""
import segmo
def main():
    segmo.Client().track("u-1", "Lamp Lit")
main()
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(received(sandbox)) == 1


def test_an_unused_client_goes_with_its_last_reference(options):
    client = segmo.Client(**options)
    gone = weakref.ref(client)
    del client
    assert gone() is None
