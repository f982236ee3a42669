"""The client that settings.SEGMO describes, opened by the first call, and calls that wait for a commit."""
import json
import logging
from datetime import datetime, timezone
from decimal import Decimal
from functools import lru_cache
from threading import Lock
from typing import Any, Mapping, Optional

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.db import transaction
from django.utils.functional import LazyObject, empty
from django.utils.module_loading import import_string

from .. import _settings
from .._calls import Calls
from .._convert import encode
from ..client import Client
from ..errors import OptionError, SegmoError

log = logging.getLogger("segmo")
DOTTED = ("user_id", "on_error", "on_report")
_opening = Lock()


@lru_cache(maxsize=1)
def settings() -> _settings.Settings:
    """Raises ImproperlyConfigured for an unknown name, with the nearest one, and for a malformed value."""
    given = dict(getattr(django_settings, "SEGMO", {}))
    for name in DOTTED:
        if isinstance(given.get(name), str):
            given[name] = _imported(name, given[name])
    try:
        return _settings.read(given)
    except OptionError as refused:
        raise ImproperlyConfigured(f'SEGMO["{refused.field}"]: {refused.message}') from refused


def _imported(name: str, path: str) -> Any:
    try:
        return import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f'SEGMO["{name}"]: {path} cannot be imported: {error}') from error


class _Lazy(LazyObject):
    """Opens the client for whoever uses it first, so that `manage.py collectstatic` needs no spool directory."""

    _wrapped: Any

    def _setup(self) -> None:
        with _opening:
            if self._wrapped is empty:
                self._wrapped = settings().open_client()

    def forget(self) -> None:
        opened = self._wrapped
        self._wrapped = empty
        if opened is not empty:
            opened.close()


_lazy = _Lazy()
client: Client = _lazy
"""The client of the project. One for a process; any thread may call it; fork needs no care."""


def _settings_changed(setting: str, **_: Any) -> None:
    """Tests change settings."""
    if setting == "SEGMO":
        settings.cache_clear()
        _lazy.forget()


setting_changed.connect(_settings_changed, dispatch_uid="segmo")


class OnCommit(Calls):
    """The six calls of the client, made when the transaction commits; not at all when it is rolled back.

    They return at once and raise what the client would raise. Values are taken, and the time is noted, when
    the call is made. Outside a transaction the message is accepted at once. What a full spool refuses at the
    commit, when nobody can be told, is logged as an error.
    """

    def __init__(self, database: Optional[str] = None) -> None:
        self._database = database

    def using(self, database: str) -> "OnCommit":
        """For the transaction of another database than the default one."""
        return OnCommit(database)

    def enqueue(self, message: Mapping[str, Any], source: Optional[str] = None) -> None:
        message = {"timestamp": datetime.now(timezone.utc), **message}
        client.explain(message, source)
        taken = json.loads(encode(message), parse_float=Decimal)
        transaction.on_commit(lambda: _send(taken, source), self._database)


def _send(message: Mapping[str, Any], source: Optional[str]) -> None:
    try:
        client.enqueue(message, source)
    except SegmoError as error:  # raised here it would keep the other callbacks of the transaction from running
        log.error("on_commit: a message was not accepted: %s", error)


on_commit = OnCommit()
