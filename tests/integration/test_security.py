"""Nothing that is secret or personal leaves by a side door: logs, errors, reports, metrics, listings. And what segmo
writes is for its owner alone."""
import base64
import json
import os
import re
import stat
import subprocess
import sys

import pytest

from canaries import PER_KIND, Canaries
from gateway import basic
from harness import ENVIRONMENT, PROGRAM, ROOT, wait_until

CANARIES = Canaries()
LOUD = {"debug": True, "reports.attempts": True, "reports.delivered": True, "delivery.flush_at": 5, "delivery.flush_interval_ms": 20,
        "delivery.max_attempts": 3, "delivery.backoff_base_ms": 1, "delivery.backoff_cap_ms": 5, "moengage.limits": "warn"}


def assert_silent(said, on_purpose=()):
    """Of what was said, by name, nothing holds a canary; `on_purpose` are pairs of a name and a kind that may stand there."""
    leaks = {}
    for name, text in said.items():
        kinds = [kind for kind in CANARIES.found_in(text) if (name, kind.split()[0]) not in on_purpose]
        if kinds:
            leaks[name] = kinds
    assert not leaks, "\n".join(f"{name}: {kinds}\n{said[name][:600]}" for name, kinds in leaks.items())


def test_there_are_more_than_200_and_they_are_found():
    assert len(CANARIES) == 216
    assert CANARIES.found_in("x " + CANARIES.get("write_key", 3)) == ["write_key 3"]
    assert len(CANARIES.found_in(json.dumps(CANARIES.message(1)))) >= 13


# ---- the gateway ---------------------------------------------------------------------------------


def sources(sandbox):
    return [{"id": f"source-{n}", "type": "server", "segment.write_key": CANARIES.get("write_key", n),
             "moengage.app_id": f"APP{n}", "moengage.data_api_key": CANARIES.get("data_api_key", n),
             "moengage.test_data_api_key": CANARIES.get("test_data_api_key", n), "moengage.url": sandbox.url,
             "moengage.debug": n % 2 == 1, **({"segment.access_token": CANARIES.get("access_token", n)} if n > 4 else {})}
            for n in range(PER_KIND)]


def streams(values):
    return {"app_name": "Shop", "events": [{"event_name": "Email Sent", "event_code": "MOE_EMAIL_SENT", **value} for value in values]}


def strangers():
    """Headers of callers that have no right to be here."""
    for n in range(PER_KIND):
        yield {"Authorization": basic(CANARIES.get("wrong_key", n), CANARIES.get("wrong_password", n))}
        yield {"Authorization": f"Bearer {CANARIES.get('wrong_bearer', n)}"}
        yield {"X-Api-Key": CANARIES.get("wrong_api_key", n)}
        yield {"Cookie": f"segmo_page={CANARIES.get('wrong_bearer', n)}"}


def talk_to(gateway):
    """Everything the gateway can be asked, as a dict of what it answered."""
    answers = {}

    def ask(method, path, body=None, headers=None):
        answer = gateway.request(method, path, body, headers or {})
        answers[f"{method} {path} ({len(answers)})"] = f"{answer.headers}\n{answer.text}"
        return answer.status

    for n in range(PER_KIND):
        mine = {"Authorization": basic(CANARIES.get("write_key", n))}
        for kind in ("track", "identify", "group", "alias", "page"):
            ask("POST", f"/v1/{kind}", CANARIES.message(n, kind), mine)
        ask("POST", "/v1/batch", {"batch": [CANARIES.message(n, messageId=f"b-{n}-{i}") for i in range(10)]}, mine)
        for bad in CANARIES.bad_messages():
            ask("POST", "/v1/track", bad, mine)
            ask("POST", "/v1/batch", {"batch": [bad], "context": {"traits": {"email": CANARIES.get("email", n)}}}, mine)
        for broken in CANARIES.broken_texts():
            ask("POST", "/v1/track", broken, mine)
            ask("POST", "/v1/batch", '{"batch":[%s]}' % broken, mine)
    for headers in strangers():
        for path, body in (("/v1/track", CANARIES.message(0)), ("/export/moengage", streams([{"uid": CANARIES.get("user_id")}]))):
            ask("POST", path, body, headers)
        ask("GET", "/metrics", None, headers)
        ask("GET", "/debug", None, headers)
    for n in range(PER_KIND):
        ask("POST", "/v1/track", CANARIES.message(n, writeKey=CANARIES.get("wrong_key", n)))
        ask("GET", f"/v1/projects/{CANARIES.get('wrong_key', n)}/settings")
        ask("GET", f"/v1/pixel/track?writeKey={CANARIES.get('wrong_key', n)}&userId={CANARIES.get('user_id', n)}&event=E")
        data = base64.urlsafe_b64encode(json.dumps(CANARIES.message(n, writeKey=CANARIES.get("write_key", n))).encode()).decode()
        ask("GET", f"/v1/pixel/track?data={data}")
        ask("POST", "/export/moengage", streams([
            {"event_uuid": f"e-{n}", "event_time": 1580967474, "uid": CANARIES.get("user_id", n), "email_id": CANARIES.get("email", n),
             "user_attributes": {"phone": CANARIES.get("phone", n)}},
            {"event_time": CANARIES.get("note", n), "uid": [CANARIES.get("user_id", n)]}, {"event_uuid": [CANARIES.get("note", n)]}]),
            {"X-Api-Key": CANARIES.get("export_secret", n % 2)})
    for path in ("/healthz", "/readyz", "/metrics"):
        ask("GET", path)
    return answers


@pytest.fixture
def answered(start_sandbox, start_gateway, tmp_path):
    """A gateway at its most talkative between strangers, broken bodies and services that refuse."""
    sandbox = start_sandbox()
    sandbox.script({"status": 401, "match": CANARIES.get("user_id", 7)}, {"status": 400, "match": CANARIES.get("user_id", 6)},
                   {"status": 503, "match": CANARIES.get("user_id", 5)}, {"status": 429, "match": CANARIES.get("user_id", 4), "times": 1})
    gateway = start_gateway(sandbox, **LOUD, **{
        "sources": sources(sandbox), "gateway.strict": True, "gateway.export_secret": CANARIES.get("export_secret", 0),
        "gateway.export_secret_next": CANARIES.get("export_secret", 1), "gateway.export_source": "source-0"})
    yield gateway, sandbox, talk_to(gateway)


def test_the_gateway_tells_nobody(answered, segmo):
    gateway, sandbox, said = answered
    wait_until(lambda: gateway.metric("source_dead_total") > 0, "something is dead")
    sandbox.wait_for("segment", unique=10)
    said["metrics"] = gateway.request("GET", "/metrics").text
    gateway.write(**{"moengage.region": CANARIES.get("note"), "segment.write_key": [CANARIES.get("write_key")]})
    gateway.wait_for_line("settings_refused")
    for number, command in enumerate((["stats"], ["stats", "--json"], ["dead", "list"], ["dead", "list", "--reason", "refused"])):
        ran = segmo(*command, "--set", f"spool.dir={gateway.options['spool.dir']}")
        said[" ".join(command)] = ran.stdout + ran.stderr
        assert number != 2 or len(ran.stdout.splitlines()) > 1, "there is a dead letter to list"
    gateway.stop()
    said["log"] = gateway.stderr + gateway.stdout
    assert len(said["log"].splitlines()) > 20
    assert "event_name" in str(CANARIES.found_in(said["dead list"]))
    assert_silent(said, on_purpose=[("dead list", "event_name"), ("dead list --reason refused", "event_name")])


# ---- the program ---------------------------------------------------------------------------------


SECRET_OPTIONS = ("segment.write_key", "segment.access_token", "moengage.data_api_key", "moengage.test_data_api_key",
                  "gateway.export_secret", "gateway.export_secret_next", "gateway.page_token")


def wrong_settings():
    """Settings with secrets in them, most of them refused."""
    for number, name in enumerate(SECRET_OPTIONS):
        secret = CANARIES.get(SECRET_OPTIONS[number].rpartition(".")[2].replace("_next", "").replace("page_token", "access_token"), number)
        for value in (secret, secret + "\n", " " + secret, secret + "\r\nX-A: 1"):
            yield [f"{name}={value}"]
    for number in range(PER_KIND):
        password = CANARIES.get("url_password", number)
        for name in ("segment.host", "moengage.url"):
            yield [f"{name}=https://ann:{password}@api.example"]
            yield [f"{name}=http://ann:{password}@127.0.0.1:9/x y"]
        yield [f"delivery.proxy=http://ann:{CANARIES.get('proxy_password', number)}@127.0.0.1:9"]
        yield [f"delivery.proxy=http://ann:{CANARIES.get('proxy_password', number)}@127.0.0.1:9 x"]
        yield [f'sources=[{{"id":"a","segment.write_key":"{CANARIES.get("write_key", number)}"', "debug=true"]
        yield [f'sources=[{{"id":"a","segment.write_key":["{CANARIES.get("write_key", number)}"]}}]']
        yield [f'sources=[{{"id":"{CANARIES.get("write_key", number)}","segment.write_key":"{CANARIES.get("write_key", number)}"}}]']
        yield [f"moengage.debug=true", f"moengage.data_api_key={CANARIES.get('data_api_key', number)}", "moengage.app_id=A"]


def test_the_program_tells_nobody_its_settings(segmo, tmp_path):
    said = {}
    for number, settings in enumerate(wrong_settings()):
        given = [part for setting in settings for part in ("--set", setting)]
        for command in (["config", "show", "--all"], ["config", "show", "--json"]) if number % 4 else (["doctor", "--json"], ["explain", "-"]):
            ran = segmo(*command, *given, "--set", f"spool.dir={tmp_path / 'spool'}", stdin="{}")
            said[f"{number}: {command}"] = ran.stdout + ran.stderr
    assert_silent(said)


def test_the_program_checks_a_file_and_tells_nobody(segmo, tmp_path):
    said, file = {}, tmp_path / "segmo.json"
    for number, settings in enumerate(wrong_settings()):
        options = dict(setting.split("=", 1) for setting in settings)
        for name, text in (("whole", json.dumps(options)), ("cut", json.dumps(options)[:-3]),
                           ("listed", json.dumps({name: [value] for name, value in options.items()}))):
            if number % 3 == len(name) % 3:
                file.write_text(text)
                ran = segmo("config", "check", file)
                said[f"{number}: {name}"] = ran.stdout + ran.stderr
    assert len(said) > 20
    assert_silent(said)


def test_the_program_tells_nobody_what_was_wrong_with_a_message(segmo, sandbox, tmp_path):
    given = ["--set", "debug=true", "--set", f"segment.host={sandbox.url}", "--set", f"segment.write_key={CANARIES.get('write_key')}",
             "--set", f"spool.dir={tmp_path / 'spool'}"]
    texts = [json.dumps(message) for message in CANARIES.bad_messages()] + list(CANARIES.broken_texts())
    said = {}
    for number, text in enumerate(texts):
        for command in (["explain", "-"], ["transform", "-"], ["send", "--json", text], ["e2e"])[number % 2::2]:
            ran = segmo(*command, *(given if command != ["e2e"] else []), stdin=text)
            said[f"{number}: {command[0]}"] = ran.stderr + (ran.stdout if command[0] != "transform" else "")
    ran = segmo("import", "-", *given, stdin="".join(text + "\n" for text in texts))
    said["import"] = ran.stdout + ran.stderr
    file = tmp_path / "messages.ndjson"
    file.write_text("".join(text + "\n" for text in texts))
    ran = segmo("import", file, *given, "--errors", tmp_path / "errors.ndjson")
    said["import of a file"] = ran.stdout + ran.stderr
    for number in range(PER_KIND):
        ran = segmo("explain", "-", *given, stdin=json.dumps(CANARIES.message(number)))
        assert ran.returncode == 0
        said[f"explain {number}"] = ran.stdout + ran.stderr
    assert_silent(said)


# ---- headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["--set", "environment", "file", "source"])
def test_no_option_takes_a_line_break_or_a_nul(segmo, tmp_path, form):
    """Whatever goes into a header comes from an option, so every option that is a text refuses what would end one."""
    options = json.loads(segmo("config", "options", "--json").stdout) if form != "nothing" else []
    texts = [option for option in options if option["type"] in ("text", "secret")]
    assert len(texts) >= 20
    file = tmp_path / "segmo.json"
    for option in texts:
        for odd in ("a\rb", "a\nX-A: 1", "a\r\n", "a\0b"):
            if form in ("--set", "environment") and "\0" in odd:
                continue # no argument and no variable can hold one
            env, arguments = {}, ["config", "show"]
            if form == "--set":
                arguments += ["--set", f"{option['name']}={odd}"]
            elif form == "environment":
                env[option["env"]] = odd
            elif form == "file" or not option["per_source"]:
                file.write_text(json.dumps({option["name"]: odd}))
                arguments += ["--config", file]
            else:
                name = option["name"].removeprefix("source.")
                file.write_text(json.dumps({"sources": [{name: odd} if name == "id" else {"id": "a", name: odd}]}))
                arguments += ["--config", file]
            ran = segmo(*arguments, env=env)
            assert ran.returncode != 0 and option["name"].removeprefix("source.") in ran.stderr, (option["name"], odd, ran)


# ---- what comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(host, receive, tmp_path, status):
    elsewhere = receive(lambda request, number: (200, {}, b"{}"))
    here = receive(lambda request, number: (status, {"Location": elsewhere.url + "/v1/batch"}, b""))
    assert host.open({"segment.write_key": "WK1", "segment.host": here.url, "spool.dir": str(tmp_path / "spool"),
                      "delivery.flush_interval_ms": 1, "delivery.backoff_base_ms": 1}).ok
    host.put_all([{"type": "track", "userId": "u-7", "event": "E"}])
    wait_until(lambda: len(here.requests) >= 1, "the redirect was answered")
    wait_until(lambda: host.stats("segment")["last_failure"], "the answer was read")
    assert not elsewhere.requests


def test_an_answer_without_end_is_read_up_to_its_limit(host, receive, tmp_path):
    """128 MiB of answer: what is kept of it is bounded."""
    here = receive(lambda request, number: (400, {}, b"x" * (128 << 20)))
    assert host.open({"segment.write_key": "WK1", "segment.host": here.url, "spool.dir": str(tmp_path / "spool"),
                      "delivery.flush_interval_ms": 1, "delivery.backoff_base_ms": 1}).ok
    host.put_all([{"type": "track", "userId": "u-7", "event": "E"}])
    wait_until(lambda: host.stats("segment")["dead"] == 1, "the answer came")
    status = open(f"/proc/{host.popen.pid}/status").read()
    peak_kib = int(re.search(r"VmHWM:\s*(\d+)", status)[1])
    assert peak_kib < (64 << 10) or "asan" in PROGRAM or "tsan" in PROGRAM


# ---- files ---------------------------------------------------------------------------------------


def modes_below(directory):
    return {path: oct(stat.S_IMODE(path.stat().st_mode)) for path in [directory, *directory.rglob("*")]}


def test_files_are_for_their_owner_alone_whatever_the_umask(sandbox, tmp_path):
    """Import, gateway and dead letters, begun with a umask that takes nothing away."""
    spool = tmp_path / "made" / "spool"
    sandbox.script({"status": 422, "match": "bad"})
    given = ["--set", f"spool.dir={spool}", "--set", "segment.write_key=WK1", "--set", f"segment.host={sandbox.url}",
             "--set", "delivery.flush_at=1"]
    lines = "".join(json.dumps({"type": "track", "userId": "u", "event": event}) + "\n" for event in ("good", "bad", "good"))
    (tmp_path / "messages").write_text(lines)
    command = 'umask 000; exec "$0" "$@"'
    for arguments in (["import", tmp_path / "messages", *given], ["stats", *given],
                      ["send", "--json", '{"type":"track","userId":"u","event":"e"}', "--no-wait", *given]):
        subprocess.run(["sh", "-c", command, PROGRAM, *map(str, arguments)], env=ENVIRONMENT, capture_output=True, timeout=60)
    serving = subprocess.Popen(["sh", "-c", command, PROGRAM, "serve", *given, "--set", "gateway.listen=127.0.0.1:0"], env=ENVIRONMENT,
                               stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (spool / "gateway-ids").exists(), "the gateway is up")
        modes = modes_below(spool)
    finally:
        serving.kill()
        serving.wait()
    names = {path.suffix or path.name for path in modes}
    assert {".ndjson", "gateway-ids", "lock"} <= names
    for path, mode in modes.items():
        assert mode == ("0o700" if path.is_dir() else "0o600"), path


# ---- the packages --------------------------------------------------------------------------------


PYTHON = """
import json, logging, sys
import segmo
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
given = json.load(sys.stdin)
def tell(report): logging.getLogger("host").debug("%s", {k: v for k, v in report.items() if k != "letter"})
options = {name.replace(".", "_"): value for name, value in given["options"].items()}
with segmo.Client(on_error=tell, on_report=tell, **options) as client:
    print(client)
    for message in given["good"] + given["bad"]:
        try:
            client.enqueue(message)
        except Exception as error:
            print(repr(error), error, file=sys.stderr)
    print(client.stats(), client)
    client.flush(timeout=5)
"""

RUBY = """
require "json"; require "logger"; require "segmo"
given = JSON.parse($stdin.read)
log = Logger.new($stderr, level: Logger::DEBUG)
tell = ->(report) { log.debug(report.to_h.inspect) }
client = Segmo::Client.new(given["options"], on_error: tell, on_report: tell, logger: log)
puts client.inspect
(given["good"] + given["bad"]).each do |message|
  client.enqueue(message)
rescue StandardError => e
  warn e.full_message
end
puts client.stats.inspect, client.inspect
client.close
"""


def conversation(sandbox, tmp_path):
    # A person whose data the service refuses, one whose credentials it refuses, and some that it takes.
    sandbox.script({"status": 400, "match": CANARIES.get("user_id", 6)}, {"status": 503, "match": CANARIES.get("user_id", 5), "times": 1})
    return json.dumps({
        "options": {"segment.write_key": CANARIES.get("write_key"), "segment.host": sandbox.url, "moengage.app_id": "APP",
                    "moengage.data_api_key": CANARIES.get("data_api_key"), "moengage.url": sandbox.url, "debug": "true",
                    "reports.attempts": "true", "reports.delivered": "true", "delivery.flush_interval_ms": "10",
                    "spool.dir": str(tmp_path / "spool")},
        "good": [CANARIES.message(n, kind) for n in range(PER_KIND) for kind in ("track", "identify")],
        "bad": list(CANARIES.bad_messages())})


@pytest.mark.parametrize("language", ["python", "ruby"])
def test_the_packages_tell_nobody_at_debug(language, sandbox, tmp_path):
    if "release" not in PROGRAM:
        pytest.skip("not run: the packages hold the release build")
    package = ROOT / ("build/python/lib" if language == "python" else "bindings/ruby/lib")
    command = [sys.executable, "-c", PYTHON] if language == "python" else [os.environ.get("RUBY", "ruby"), "-I", str(package), "-e", RUBY]
    if language == "python" and not package.exists():
        pytest.skip("not run: the package is not built; `make python-package` builds it")
    ran = subprocess.run(command, input=conversation(sandbox, tmp_path), env=dict(ENVIRONMENT, PYTHONPATH=str(package)), text=True,
                         capture_output=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "segmo:attempt" in ran.stderr or '"attempts"' in ran.stderr or "retry_in_ms" in ran.stderr # it was at its loudest
    assert_silent({"stdout": ran.stdout, "stderr": ran.stderr}, on_purpose=[("stderr", "message_id")]) # the host wrote its reports
