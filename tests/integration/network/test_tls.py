"""TLS: whom a client talks to and whom it does not. Where it does not, nothing of a message and no key has left the process."""
import socket
import ssl
import subprocess

import pytest

from harness import wait_until
from led_host import PAUSED, to_segment, tracks


pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Makes certificates with openssl. authority(name) is one that signs: .sign(host, ...) answers a path (key and chain)."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = Authority(tmp_path_factory.mktemp("ca"), name)
        return made[name]
    return get


def openssl(*words, **options):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr


class Authority:
    def __init__(self, directory, name, parent=None):
        self.directory, self.key, self.certificate = directory, directory / "ca.key", directory / "ca.crt"
        self.database(name)
        if parent:
            request = directory / "ca.csr"
            openssl("req", *NEW_KEY, "-subj", "/CN=" + name, "-keyout", self.key, "-out", request)
            parent.issue(request, self.certificate, "-days", "2", "-extensions", "authority")
        else:
            openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=" + name, "-keyout", self.key,
                    "-out", self.certificate)

    def database(self, name):
        (self.directory / "index").write_text("")
        (self.directory / "ca.cnf").write_text("""[ca]
default_ca = this
[this]
database = {0}/index
new_certs_dir = {0}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
""".format(self.directory))

    def issue(self, request, to, *more):
        openssl("ca", "-batch", "-notext", "-config", self.directory / "ca.cnf", "-cert", self.certificate, "-keyfile", self.key,
                "-in", request, "-out", to, *more)

    def sign(self, host, *times, chain=()):
        """`times`: -startdate and -enddate, or two days from now on."""
        key, request, certificate, whole = (self.directory / ("leaf." + end) for end in ("key", "csr", "crt", "pem"))
        openssl("req", *NEW_KEY, "-subj", "/CN=leaf", "-addext", "subjectAltName=" + host, "-keyout", key,
                "-out", request)
        self.issue(request, certificate, *(times or ("-days", "2")))
        whole.write_text("".join(path.read_text() for path in (key, certificate, *chain)))
        return whole


def server_context(path, least=None, most=None, asks_client=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if most and most < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")  # or the library itself would refuse what the client shall refuse
    context.minimum_version = least or ssl.TLSVersion.TLSv1_2
    context.maximum_version = most or ssl.TLSVersion.MAXIMUM_SUPPORTED
    context.load_cert_chain(path)
    if asks_client:
        context.load_verify_locations(asks_client)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


HERE = "IP:127.0.0.1"
PAST = ("-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
FUTURE = ("-startdate", "20900101000000Z", "-enddate", "20910101000000Z")
V1_0, V1_1, V1_2, V1_3 = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

# What the service shows, and what becomes of the messages: delivered; pause (somebody must act); again (as in an outage).
CERTIFICATES = {
    "signed by the authority that is trusted": (lambda ca: ca.sign(HERE), "delivered"),
    "expired": (lambda ca: ca.sign(HERE, *PAST), "pause"),
    "not yet valid": (lambda ca: ca.sign(HERE, *FUTURE), "pause"),
    "of another host": (lambda ca: ca.sign("DNS:elsewhere.example"), "pause"),
    "of another address": (lambda ca: ca.sign("IP:127.0.0.2"), "pause"),
    "without a name": (lambda ca: ca.sign("email:someone@segmo.example"), "pause"),
}
PROTOCOLS = {"TLS 1.0": (V1_0, V1_0, "again"), "TLS 1.1": (V1_1, V1_1, "again"), "TLS 1.2": (V1_2, V1_2, "delivered"),
             "TLS 1.3": (V1_3, V1_3, "delivered"), "TLS 1.0 to 1.2": (V1_0, V1_2, "delivered")}


def check(host, receiver, spool, expected, **options):
    """Messages that are not delivered wait, and nothing of them was read at the other end."""
    assert host.open(to_segment(receiver.url, spool, **options)).ok
    host.put_all(tracks(5))
    if expected == "delivered":
        assert host.flush().ok
        assert sorted(receiver.delivered()) == ["m-%d" % seq for seq in range(5)]
        return
    if expected == "pause":
        (paused,) = host.wait_report(PAUSED)
        assert "delivery.ca_file" in paused["remedy"]
    else:
        wait_until(lambda: host.stats("segment")["retries"] >= 2, "it was tried again")
        assert host.reported(PAUSED) == []
    assert receiver.requests == []
    host.check_accounts(segment_pending=5, segment_dead=0)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate(host, receive, authority, tmp_path, name):
    make, expected = CERTIFICATES[name]
    ca = authority("trusted")
    receiver = receive(certificate=server_context(make(ca)))
    check(host, receiver, tmp_path / "spool", expected, **{"delivery.ca_file": ca.certificate})


@pytest.mark.parametrize("trust", ["another authority", "the system's authorities"])
def test_an_authority_that_is_not_trusted(host, receive, authority, tmp_path, trust):
    receiver = receive(certificate=server_context(authority("unknown").sign(HERE)))
    options = {"delivery.ca_file": authority("trusted").certificate} if trust == "another authority" else {}
    check(host, receiver, tmp_path / "spool", "pause", **options)


@pytest.mark.parametrize("sends_the_middle", [True, False])
def test_an_authority_between(host, receive, authority, tmp_path, sends_the_middle):
    root = authority("trusted")
    middle = Authority(tmp_path, "middle", parent=root)
    path = middle.sign(HERE, chain=[middle.certificate] if sends_the_middle else [])
    check(host, receive(certificate=server_context(path)), tmp_path / "spool", "delivered" if sends_the_middle else "pause",
          **{"delivery.ca_file": root.certificate})


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol(host, receive, authority, tmp_path, name):
    least, most, expected = PROTOCOLS[name]
    ca = authority("trusted")
    receiver = receive(certificate=server_context(ca.sign(HERE), least, most))
    if expected != "delivered":
        assert speaks(receiver.port, least), "the server must offer what the client is to refuse"
    check(host, receiver, tmp_path / "spool", expected, **{"delivery.ca_file": ca.certificate})


def speaks(port, version):
    """True when a client without scruples gets through."""
    lax = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
    lax.set_ciphers("ALL:@SECLEVEL=0")
    lax.minimum_version = lax.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), 10) as plain, lax.wrap_socket(plain) as connection:
        return connection.version() is not None


def test_a_service_that_wants_a_certificate_of_ours(host, receive, authority, tmp_path):
    ca = authority("trusted")
    receiver = receive(certificate=server_context(ca.sign(HERE), asks_client=ca.certificate))
    check(host, receiver, tmp_path / "spool", "again", **{"delivery.ca_file": ca.certificate})


def test_a_service_without_tls_at_all(host, receive, authority, tmp_path):
    receiver = receive()
    receiver.url = receiver.url.replace("http:", "https:")
    check(host, receiver, tmp_path / "spool", "again")


def test_a_certificate_that_is_renewed_ends_the_pause(host, receive, authority, tmp_path):
    """By the probe of a paused destination, or as here at once when settings change."""
    ca = authority("trusted")
    context = server_context(ca.sign(HERE, *PAST))
    receiver = receive(certificate=context)
    check(host, receiver, tmp_path / "spool", "pause", **{"delivery.ca_file": ca.certificate})
    context.load_cert_chain(ca.sign(HERE))
    assert host.set("segment.write_key", "WK2").ok
    assert host.flush().ok
    host.check_accounts(segment_delivered=5)
