"""The module functions and settings of segmo.analytics, and the table of docs/guide/python-analytics.md."""
import importlib
import re

import pytest
from harness import ROOT
from test_analytics_client import DEFAULTS

import segmo.analytics as analytics

PAGE = ROOT / "docs/guide/python-analytics.md"


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Each test has the module's settings for itself."""
    for name, default in DEFAULTS:
        monkeypatch.setattr(analytics, name, default)
    monkeypatch.setattr(analytics, "default_client", None)
    yield
    if analytics.default_client:
        analytics.default_client.join()


def test_settings_and_their_defaults():
    for name, default in DEFAULTS:
        assert getattr(analytics, name) == default
    assert analytics.default_client is None
    assert analytics.__version__ == analytics.VERSION == "2.3.4"
    assert analytics.Client.__module__ == "segmo.analytics.client"


def test_a_missing_write_key_raises_with_the_first_call():
    with pytest.raises(AssertionError) as raised:
        analytics.track("u-1", "Lamp Lit")
    assert raised.value.args == ("write_key must have <class 'str'>, got: None",)


def test_each_function_calls_the_default_client(sandbox):
    analytics.write_key, analytics.host = "WK1", sandbox.url
    answers = [analytics.identify("u-1", {"plan": "a"}), analytics.track("u-1", "Lamp Lit"),
               analytics.page("u-1", "Docs", "Home"), analytics.screen("u-1", "Docs", "Home"),
               analytics.group("u-1", "g-1"), analytics.alias("old", "u-1")]
    assert [(accepted, message["type"]) for accepted, message in answers] == [
        (True, name) for name in ("identify", "track", "page", "screen", "group", "alias")]
    assert (analytics.flush(), analytics.join(), analytics.shutdown()) == (None, None, None)
    assert sandbox.stats("segment")["unique"] == 6


def test_settings_are_read_with_the_first_call(sandbox):
    heard = []
    analytics.write_key, analytics.host, analytics.sync_mode = "WK1", sandbox.url, True
    analytics.on_error, analytics.gzip, analytics.timeout, analytics.max_queue_size = heard.append, True, 3, 7
    analytics.proxies, analytics.upload_size, analytics.max_retries = {"ftp": "http://p"}, 5, 2
    analytics.track("u-1", "Lamp Lit")
    client = analytics.default_client
    assert (client.write_key, client.host, client.sync_mode, client.gzip, client.timeout) == (
        "WK1", sandbox.url, True, True, 3)
    assert (client.on_error, client.queue.maxsize, client.proxies) == (heard.append, 7, {"ftp": "http://p"})
    analytics.write_key = "WK2"
    analytics.track("u-1", "Lamp Lit")
    assert analytics.default_client is client
    analytics.default_client = None
    analytics.track("u-1", "Lamp Lit")
    assert analytics.default_client.write_key == "WK2"
    client.join()


def test_send_and_debug_settings():
    analytics.write_key, analytics.send = "WK1", False
    assert analytics.track("u-1", "Lamp Lit")[0] is True
    assert analytics.default_client.send is False
    analytics.flush()


@pytest.mark.parametrize("module, names", [
    ("client", "Client require stringify_id ID_TYPES"), ("version", "VERSION"),
    ("request", "post APIError DatetimeSerializer"),
    ("consumer", "Consumer MAX_MSG_SIZE BATCH_SIZE_LIMIT FatalError"),
    ("utils", "is_naive total_seconds guess_timezone remove_trailing_slash clean")])
def test_names_that_can_be_imported(module, names):
    found = importlib.import_module(f"segmo.analytics.{module}")
    assert all(hasattr(found, name) for name in names.split())


def test_importing_needs_no_other_package(run_python):
    done = run_python("import sys, segmo.analytics; print({'requests', 'backoff', 'dateutil', 'jwt'} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_each_row_of_the_table_names_a_test():
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!---|segment\.analytics)", line)]
    tests = "\n".join(path.read_text() for path in sorted(ROOT.glob("tests/python/test_analytics_*.py")))
    existing = set(re.findall(r"^def (test_\w+)\(", tests, re.M))
    assert len(rows) > 50
    for row in rows:
        named = set(re.findall(r"`(test_\w+)`", row))
        assert named and named <= existing, f"{row}: {named - existing or 'no test'}"
