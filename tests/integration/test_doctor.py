"""What `segmo doctor` finds out by asking: credentials, certificates, the data centre, the clock.

No test leaves this machine: MoEngage's real names are reached through a proxy of the test's own, which leads every
one of them to the same server here.
"""
import email.utils
import http.server
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import time

import pytest

DONE, REFUSED = 0, 1
CREDENTIALS = ["--set", "moengage.app_id=APP1", "--set", "moengage.data_api_key=KEY1"]
DATA_CENTERS = ["api-%02d.moengage.com" % number for number in (1, 2, 3, 4, 5, 6, 101)]

CA_CONF = """
[ca]
default_ca = test
[test]
dir = %s
database = $dir/index
serial = $dir/serial
new_certs_dir = $dir
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = %s
basicConstraints = CA:true
"""


class Service(http.server.ThreadingHTTPServer):
    """Answers every GET and HEAD with what `answer` says for its Host; remembers what it was asked."""
    daemon_threads = True

    def __init__(self, certificate=None, answer=lambda host: 200, ahead_s=0):
        super().__init__(("127.0.0.1", 0), Asked)
        self.answer, self.ahead_s, self.seen = answer, ahead_s, []
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = "%s://127.0.0.1:%d" % ("https" if certificate else "http", self.server_port)

    def handle_error(self, request, client_address):
        """A client that does not trust us leaves; that is what is tested."""


class Asked(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.command, self.headers["Host"], self.path, self.headers["Authorization"]))
        self.send_response_only(self.server.answer(self.headers["Host"]))
        self.send_header("Date", email.utils.formatdate(time.time() + self.server.ahead_s, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_GET

    def log_message(self, *words):
        pass


class Proxy(socketserver.ThreadingTCPServer):
    """Leads every CONNECT to one server, whatever name it asks for."""
    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.target, self.names = ("127.0.0.1", port), []
        self.url = "http://127.0.0.1:%d" % self.server_address[1]


class Tunnel(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.names.append(self.rfile.readline().decode().split()[1])
        while self.rfile.readline().strip():
            pass
        with socket.create_connection(self.server.target) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=carry, args=(there, self.connection), daemon=True)
            back.start()
            carry(self.connection, there)
            back.join()


def carry(source, sink):
    try:
        while True:
            part = source.recv(65536)
            if not part:
                break
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side is gone, and so is the tunnel


@pytest.fixture
def run():
    """Runs a server beside the test: run(Service())."""
    running = []

    def start(server):
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append(server)
        return server
    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate with its key in one file: certificate("IP:127.0.0.1").

    `openssl ca` writes it, because only that command can date one back."""
    def make(*names, until="20991231235959Z"):
        for file in ("index", "index.attr"):
            (tmp_path / file).write_text("")
        (tmp_path / "serial").write_text("01\n")
        (tmp_path / "ca.conf").write_text(CA_CONF % (tmp_path, ",".join(names)))
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", "/CN=segmo test", "-keyout", "key.pem", "-out", "request.pem", cwd=tmp_path)
        openssl("ca", "-config", "ca.conf", "-batch", "-selfsign", "-keyfile", "key.pem", "-in", "request.pem",
                "-startdate", "20200101000000Z", "-enddate", until, "-notext", "-out", "server.pem", cwd=tmp_path)
        path = tmp_path / "server.pem"
        path.write_text(path.read_text() + (tmp_path / "key.pem").read_text())
        return path
    return make


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def doctor(segmo, tmp_path):
    """Runs doctor; answers its exit code and its lines by the name of their check."""
    def ask(*options):
        ran = segmo("doctor", "--json", "--set", "spool.dir=%s" % (tmp_path / "spool"), *options)
        return ran.returncode, {line["check"]: line for line in json.loads(ran.stdout)}
    return ask


def setting(name, value):
    return ["--set", "%s=%s" % (name, value)]


def at(url):
    return CREDENTIALS + setting("moengage.url", url)


def segment_at(url):
    return setting("segment.write_key", "WK1") + setting("segment.host", url)


@pytest.fixture
def all_data_centers(run, certificate):
    """All names of MoEngage lead to one service, which refuses unless the host is `taking`."""
    def start(taking=None, refusal=401):
        path = certificate("DNS:api.segment.io", *["DNS:" + name for name in DATA_CENTERS])
        service = run(Service(path, lambda host: 200 if host == taking else refusal))
        proxy = run(Proxy(service.server_port))
        return proxy, setting("delivery.proxy", proxy.url) + setting("delivery.ca_file", path)
    return start


# ---- credentials ----

def test_right_credentials_are_taken_and_nothing_is_delivered(doctor, start_sandbox):
    sandbox = start_sandbox("--app-id", "APP1", "--api-key", "KEY1")
    code, lines = doctor(*at(sandbox.url), *segment_at(sandbox.url))
    assert code == DONE, lines
    assert lines["moengage"]["result"] == "OK" and "takes the credentials" in lines["moengage"]["words"]
    assert sandbox.stats("segment")["requests"] == 0
    assert sandbox.stats("moengage")["statuses"] == {"200": 1}
    assert sandbox.stats("moengage")["accepted"] == 0


@pytest.mark.parametrize("wrong", ["moengage.app_id=APP2", "moengage.data_api_key=KEY2"])
def test_wrong_credentials_are_named_as_such(doctor, start_sandbox, wrong):
    sandbox = start_sandbox("--app-id", "APP1", "--api-key", "KEY1")
    code, lines = doctor(*at(sandbox.url), "--set", wrong)
    assert code == REFUSED and lines["moengage"]["result"] == "FAIL"
    assert "refuses the credentials (status 401)" in lines["moengage"]["words"]
    assert "moengage.app_id and moengage.data_api_key" in lines["moengage"]["remedy"]
    assert "KEY" not in json.dumps(lines)


def test_of_the_TEST_environment_its_own_key_is_named(doctor, start_sandbox):
    sandbox = start_sandbox("--app-id", "APP1", "--api-key", "KEY1")
    _, lines = doctor(*at(sandbox.url), *setting("moengage.debug", "true"), *setting("moengage.test_data_api_key", "T"))
    assert "moengage.test_data_api_key" in lines["moengage"]["remedy"]


def test_segment_is_asked_without_its_key_and_never_posted_to(doctor, run):
    service = run(Service())
    code, lines = doctor(*segment_at(service.url), *at(service.url))
    assert code == DONE and lines["segment"]["result"] == "OK"
    host = service.url[len("http://"):]
    assert sorted(service.seen) == [
        ("GET", host, "/v1/integrations/segment/auth?appId=APP1", "Basic QVBQMTpLRVkx"), ("HEAD", host, "/", None)]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_of_the_service_is_a_warning(doctor, run, status):
    service = run(Service(answer=lambda host: status))
    code, lines = doctor(*at(service.url))
    assert code == DONE and lines["moengage"]["result"] == "WARN" and str(status) in lines["moengage"]["words"]


def test_an_answer_that_says_nothing_about_the_credentials_is_not_taken_for_a_yes(doctor, run):
    service = run(Service(answer=lambda host: 404))
    code, lines = doctor(*at(service.url))
    assert code == DONE and lines["moengage"]["result"] == "WARN"
    assert "does not say" in lines["moengage"]["words"]


def test_each_of_several_sources_is_asked(doctor, start_sandbox):
    sandbox = start_sandbox("--app-id", "APP1", "--api-key", "KEY1")
    sources = [{"id": "web", "segment": {"write_key": "W1"}}, {"id": "shop", "segment": {"write_key": "W2"},
                                                              "moengage": {"data_api_key": "KEY2"}}]
    code, lines = doctor(*at(sandbox.url), *setting("segment.host", sandbox.url),
                         *setting("sources", json.dumps(sources)))
    assert code == REFUSED and lines["moengage"]["words"].startswith("source shop: ")
    assert sandbox.stats("moengage")["statuses"] == {"200": 1, "401": 1}


# ---- the data centre ----

@pytest.mark.parametrize("refusal", [400, 401, 403])
def test_the_data_centre_that_takes_the_credentials_is_named(doctor, all_data_centers, refusal):
    proxy, reached = all_data_centers(taking="api-03.moengage.com", refusal=refusal)
    code, lines = doctor(*CREDENTIALS, *reached)
    assert code == REFUSED and lines["moengage"]["result"] == "FAIL"
    assert lines["moengage"]["remedy"] == ("set moengage.data_center = DC_03: api-03.moengage.com takes them")
    assert proxy.names == [name + ":443" for name in DATA_CENTERS[:3]]


def test_credentials_that_no_data_centre_takes_are_wrong(doctor, all_data_centers):
    proxy, reached = all_data_centers()
    code, lines = doctor(*CREDENTIALS, *setting("moengage.data_center", "2"), *reached)
    assert code == REFUSED and "no other data centre takes them" in lines["moengage"]["remedy"]
    assert sorted(proxy.names) == sorted(name + ":443" for name in DATA_CENTERS)


def test_segment_is_asked_once_while_data_centres_are_searched(doctor, all_data_centers):
    proxy, reached = all_data_centers(taking="api-04.moengage.com")
    _, lines = doctor(*CREDENTIALS, *reached, *setting("segment.write_key", "WK1"))
    assert "DC_04" in lines["moengage"]["remedy"]
    assert proxy.names.count("api.segment.io:443") == 1


def test_an_address_that_was_given_is_the_only_one_asked(doctor, all_data_centers):
    proxy, reached = all_data_centers(taking="api-03.moengage.com")
    _, lines = doctor(*at("https://api-02.moengage.com"), *reached)
    assert lines["moengage"]["result"] == "FAIL" and "DC_" not in lines["moengage"]["remedy"]
    assert proxy.names == ["api-02.moengage.com:443"]


def test_a_source_with_an_address_of_its_own_sends_its_key_nowhere_else(doctor, all_data_centers):
    proxy, reached = all_data_centers(taking="api-03.moengage.com")
    source = {"id": "web", "moengage": dict(app_id="APP1", data_api_key="KEY1", url="https://api-02.moengage.com")}
    _, lines = doctor(*setting("sources", json.dumps([source])), *reached)
    assert lines["moengage"]["result"] == "FAIL" and "DC_" not in lines["moengage"]["remedy"]
    assert set(proxy.names) == {"api-02.moengage.com:443"}


def test_a_default_data_centre_that_takes_the_credentials_is_no_worry(doctor, all_data_centers):
    _, reached = all_data_centers(taking="api-01.moengage.com")
    code, lines = doctor(*CREDENTIALS, *reached)
    assert code == DONE and "data centre" not in lines


# ---- certificates ----

def test_a_certificate_that_nobody_vouches_for_fails_until_its_file_is_named(doctor, run, certificate):
    path = certificate("IP:127.0.0.1")
    service = run(Service(path))
    code, lines = doctor(*segment_at(service.url))
    assert code == REFUSED and "certificate" in lines["segment"]["words"]
    assert "delivery.ca_file" in lines["segment"]["remedy"] and service.seen == []
    code, lines = doctor(*segment_at(service.url), *setting("delivery.ca_file", path))
    assert code == DONE and "TLSv1.3" in lines["segment"]["words"]


def test_a_certificate_for_another_name_points_at_the_address(doctor, run, certificate):
    path = certificate("DNS:elsewhere.example")
    service = run(Service(path))
    code, lines = doctor(*at(service.url), *setting("delivery.ca_file", path))
    assert code == REFUSED and "another name" in lines["moengage"]["remedy"]
    assert "moengage.url" in lines["moengage"]["remedy"] and service.seen == []


def test_an_expired_certificate_points_at_the_clock(doctor, run, certificate):
    path = certificate("IP:127.0.0.1", until="20200102000000Z")
    service = run(Service(path))
    code, lines = doctor(*segment_at(service.url), *setting("delivery.ca_file", path))
    assert code == REFUSED and "clock" in lines["segment"]["remedy"]


def test_plain_http_behind_an_https_address_is_told_from_a_bad_certificate(doctor, run):
    service = run(Service())
    code, lines = doctor(*segment_at(service.url.replace("http:", "https:")))
    assert code == REFUSED and "TLS 1.2 or newer must answer there" in lines["segment"]["remedy"]


# ---- the clock, and silence ----

@pytest.mark.parametrize("ahead_s, words", [(7200, "behind"), (-7200, "ahead")])
def test_a_clock_that_differs_from_the_service_is_a_warning(doctor, run, ahead_s, words):
    service = run(Service(ahead_s=ahead_s))
    code, lines = doctor(*segment_at(service.url))
    assert code == DONE and lines["clock"]["result"] == "WARN" and words in lines["clock"]["words"]


def test_a_service_that_never_answers_is_given_up(doctor):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = "http://127.0.0.1:%d" % silent.getsockname()[1]
        code, lines = doctor(*segment_at(url), *setting("delivery.timeout_ms", "200"))
    assert code == REFUSED and "no answer" in lines["segment"]["words"]


# ---- damaged files ----

def test_damaged_files_that_were_set_aside_are_counted(doctor, segmo, tmp_path):
    damaged = tmp_path / "spool" / "damaged"
    damaged.mkdir(parents=True)
    for number in (1, 2):
        (damaged / ("gone-%d.seg" % number)).write_bytes(b"?")
    stats = segmo("stats", "--json", "--set", "spool.dir=%s" % (tmp_path / "spool"))
    assert json.loads(stats.stdout)["damaged_files"] == 2
    _, lines = doctor()
    assert lines["damaged files"]["result"] == "WARN" and lines["damaged files"]["words"].startswith("2 files")
    words = segmo("stats", "--set", "spool.dir=%s" % (tmp_path / "spool")).stdout
    assert ["damaged", "files", "2"] in [line.split() for line in words.splitlines()]
