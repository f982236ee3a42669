#!/usr/bin/env python3
"""Inputs to begin with, made from the case files: seeds.py DIRECTORY writes DIRECTORY/<target>/*."""
import gzip
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests/vectors"


def cases(folder):
    for path in sorted((VECTORS / folder).glob("*.json")):
        yield path.stem, json.loads(path.read_text())


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def messages():
    for folder in ("model", "route", "wire"):
        for name, case in cases(folder):
            if "message" in case:
                yield f"{folder}-{name}", text(case["message"])
            elif "message_text" in case:
                yield f"{folder}-{name}", case["message_text"].encode("utf-8", "surrogatepass")


def transformations():
    """A message under settings of many kinds: three bytes, told apart by the case's number."""
    for number, (name, message) in enumerate(messages()):
        yield name, bytes((number * 37 % 256, number * 59 % 256, number * 11 % 32)) + message


def payloads():
    for number, (name, case) in enumerate(cases("streams")):
        if "payload" in case:
            yield name, bytes((number % 16,)) + text(case["payload"])


def keys():
    found = set()
    for _, message in messages():
        found.update(re.findall(rb'"((?:[^"\\]|\\.)*)"\s*:', message))
    for number, key in enumerate(sorted(found)):
        yield f"key-{number}", key


def streams_of_bytes():
    for name, case in cases("http"):
        repeated = case.get("repeat", "") * min(case.get("times", 0), 20)
        yield name, (case["bytes"] + repeated + case.get("then", "")).encode("latin-1")


def requests():
    yield from streams_of_bytes()
    track = b'{"writeKey":"SK","type":"track","userId":"u-7","event":"E","properties":{"a":1}}'
    batch = b'{"writeKey":"WK","sentAt":"2026-01-05T10:11:12.345Z","batch":[%s,{"type":"page"}],"context":{"direct":true}}' % track
    export = text({"app_name": "A", "events": [{"event_name": "Email Sent", "event_code": "MOE_EMAIL_SENT",
                                                "event_uuid": "e-1", "event_time": 1580967474, "uid": "u-7"}]})
    zipped = gzip.compress(batch, mtime=0)
    for path, body, more in ((b"/v1/track", track, b""), (b"/v1/batch", batch, b"Origin: https://a.example\r\n"),
                             (b"/v1/t", track, b"Authorization: Basic U0s6\r\n"),
                             (b"/v1/import", batch, b"Origin: https://b.example\r\n"),
                             (b"/v1/batch", zipped, b"Content-Encoding: gzip\r\n"),
                             (b"/export/moengage", export, b"Authorization: Bearer ES\r\n"),
                             (b"/export/moengage", export, b"Authorization: Basic dTpFTg==\r\n")):
        yield f"post{path.decode()}-{len(more)}".replace("/", "-"), \
            b"POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s" % (path, more, len(body), body)
    for path in (b"/healthz", b"/readyz", b"/metrics", b"/v1/projects/WK/settings", b"/v1/pixel/track?data=eyJ3cml0ZUtleSI6IlNLIn0",
                 b"/v1/p?writeKey=SK&userId=u&event=E&properties.a.b=c", b"/v1/pixel/identify?writeKey=SK&userId=%41"):
        yield "get" + re.sub(r"\W", "-", path.decode())[:30], b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path
    yield "options", b"OPTIONS /v1/batch HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n"


def settings():
    for folder in ("route", "wire"):
        for name, case in cases(folder):
            yield f"{folder}-{name}", b"\0" + text(case["settings"])
            flat = b"\0".join(part.encode() for item in case["settings"].items()
                              for part in (item[0], item[1] if isinstance(item[1], str) else text(item[1]).decode()))
            yield f"{folder}-{name}-set", b"\1" + flat
    yield "nested", b'\0{"segment":{"write_key":{"env":"HOME"},"region":"eu"},"sources":[{"id":"a"},{"id":"b","bundled":true}]}'


WAITS = ["120", "0", "1.5", "-1", "99999999999999999999", " 7 ", "Wed, 21 Oct 2026 07:28:00 GMT",
         "Wednesday, 21-Oct-26 07:28:00 GMT", "Wed Oct 21 07:28:00 2026", "1767607932",
         "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\nx-ratelimit-reset: 9\r\nDate: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n",
         "2026-01-05T10:11:12.345Z", "2024-02-29", "2026-01-05T10:11:12.123456789+05:30", "Asia/Kolkata", "Europe/Berlin",
         "America/St_Johns", "UTC", "../../etc/passwd"]
URLS = ["https://api.segment.io/v1/batch", "http://127.0.0.1:8080/", "http://[::1]/x", "us", "eu", "DC_01", "dc-3", "101", "IND",
        "api-02.moengage.com/v1", "https://user:p@a.example/", "//a", "https://a.example:443/y?z=1", "localhost:99"]
SPOOL = [b"", b"\0\0\3\0abc", b"\0\1\3\7abc\1\2\4\0wxyz", b"\0\0\3\0abc\3\0\2\1\xff\0\0\3\0def",
         b"\0\0\3\0abc\4\x08\x00\2\5\5\1\0\3\0de", b"\4\0\0\4xxxx\0\0\3\0abc", b"\0\0\3\0abc\2\4\xfb\x5e\1\0\0\0\3\0abc",
         b"\0\0\3\xffabc\0\0\3\xffabc\5\1\0", b"\0\0\0\0\1\0\0\0"]
LETTER = b'{"id":"d-1","destination":"segment","reason":"refused","message":{}}\n'


def targets():
    yield "json", messages()
    yield "message", ((name, b"\0" + message) for name, message in messages())
    yield "transform", transformations()
    yield "streams", payloads()
    yield "snake_case", keys()
    yield "http", ((name, b"\3" + stream) for name, stream in streams_of_bytes())
    yield "gateway", ((name, bytes((number % 2, number * 29 % 256)) + stream)
                      for number, (name, stream) in enumerate(requests()))
    yield "options", settings()
    yield "batch", ((name, b'{"batch":[%s],"context":{"a":{"b":1}},"integrations":{"All":true}}' % message)
                    for name, message in messages())
    yield "lines", ((name, b"\0\1" + message + b"\n") for name, message in messages())
    yield "codings", [("gzip", gzip.compress(b"hello" * 50, mtime=0)), ("base64", b"dXNlcjpwYXNz"), ("url", b"-_8")]
    yield "waits", ((f"wait-{i}", value.encode()) for i, value in enumerate(WAITS))
    yield "url", ((f"url-{i}", value.encode()) for i, value in enumerate(URLS))
    yield "segment_file", ((f"script-{i}", value) for i, value in enumerate(SPOOL))
    yield "spool", ((f"script-{i}", value) for i, value in enumerate(SPOOL))
    yield "dead_letters", [("two", LETTER * 2), ("cut", LETTER + LETTER[:20]), ("odd", b"\n\n{}\nx\0y\n" + LETTER)]
    yield "verdict", ((name, bytes((case["status"] % 256, case["status"] // 256,
                                    case["service"] == "moengage")) + case.get("body", "").encode())
                      for name, case in cases("status"))


def main():
    for target, seeds in targets():
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds:
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
