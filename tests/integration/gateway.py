"""A running `segmo serve`, for tests: its configuration file, requests to it, raw bytes to it."""
import base64
import json
import re
import socket
import urllib.parse

from harness import PATIENCE_S, Answer, Background, wait_until

import http.client

LISTENING = r'"event":"listening","url":"(http://[^"]+)"'
SOURCES = [
    {"id": "web", "type": "javascript", "segment.write_key": "WKWEB"},
    {"id": "shop", "segment.write_key": "WKSHOP"},
]


def basic(user, password=""):
    return "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()


class Gateway(Background):
    """`options` are those of the configuration file, dotted; a test may `write` others later."""

    def __init__(self, directory, sandbox=None, env=None, **options):
        self.file = directory / "segmo.json"
        self.options = {"spool.dir": str(directory / "spool"), "sources": SOURCES, "delivery.flush_interval_ms": 20,
                        "gateway.listen": "127.0.0.1:0"}
        if sandbox:
            self.options["segment.host"] = sandbox.url
        else:
            self.options["delivery.enabled"] = False
        self.write(**options)
        super().__init__(["serve", "--config", self.file], env or {}, directory)
        self.find_address()

    def find_address(self):
        url = self.wait_for_line(LISTENING)[1]
        address = urllib.parse.urlsplit(url)
        self.host, self.port = address.hostname, address.port

    def write(self, **options):
        self.options.update(options)
        self.file.write_text(json.dumps(self.options))

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)

    def request(self, method, path, body=None, headers=None, connection=None):
        own = connection or self.connect()
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        try:
            own.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
            response = own.getresponse()
            content = response.read()
            answer = Answer(response, b"" if content.startswith(b"GIF") else content)
            answer.bytes = content
            return answer
        finally:
            if not connection:
                own.close()

    def post(self, path, body, key="WKSHOP", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            named["Authorization"] = basic(key)
        return self.request("POST", path, body, named)

    def open(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE_S)

    def raw(self, data):
        """All that comes back for these bytes until the gateway closes; one that stays open is closed by us."""
        with self.open() as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def metric(self, name, **labels):
        """The sum of all samples of this name that have these labels."""
        total, text = 0, self.request("GET", "/metrics").text
        for found in re.finditer(r"^segmo_%s(\{.*\})? (\S+)$" % name, text, re.M):
            if all('%s="%s"' % label in (found[1] or "") for label in labels.items()):
                total += float(found[2])
        return total

    def wait_for_metric(self, name, value, **labels):
        return wait_until(lambda: self.metric(name, **labels) >= value, "%s reaches %s" % (name, value))


def read_all(connection):
    answer = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return answer
        if not part:
            return answer
        answer += part


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
