"""Reports on their way to the host: into the log, and to its callbacks.

The library never calls into Python. A thread sleeps until its descriptor is readable, or an event
loop watches it; either then takes what waits.
"""
import json
import logging
import os
import select
import sys
import threading
from typing import Any, Callable, Counter, Iterator, Optional, cast

from ._core import call, ffi, lib
from .types import Report

log = logging.getLogger("segmo")
log.addHandler(logging.NullHandler())  # a host that configured no logging sees nothing on its stderr
Callback = Callable[[Report], Any]

KINDS = {number: name[len("SEGMO_REPORT_"):].lower()
         for name, number in ffi.typeof("segmo_report_kind_t").relements.items()}
LEVELS = {"dead": logging.ERROR, "paused": logging.ERROR, "warning": logging.WARNING, "spool": logging.WARNING,
          "resumed": logging.INFO, "skipped": logging.INFO, "settings": logging.INFO}
#: No payload value ever stands in these members.
LOGGED = ("destination", "reason", "status", "code", "field", "message", "remedy")


def take(client: Any, timeout_ms: int = 0) -> Optional[Report]:
    """The oldest report of a segmo_client, or None."""
    out, length = ffi.new("segmo_report **"), ffi.new("size_t *")
    call(lib.segmo_client_poll, client, out, timeout_ms)
    if not out[0]:
        return None
    try:
        text = lib.segmo_report_json(out[0], length)
        kind = KINDS.get(lib.segmo_report_kind(out[0]), "none")
        return cast(Report, {"kind": kind, **json.loads(bytes(ffi.buffer(text, length[0])))})
    finally:
        lib.segmo_report_free(out[0])


def take_all(client: Any) -> Iterator[Report]:
    report = take(client)
    while report:
        yield report
        report = take(client)


def is_error(report: Report) -> bool:
    """What an application should hear of even if it listens to nothing else."""
    return report["kind"] in ("dead", "paused", "spool") or report.get("code") == "refused"


class Listener:
    """Whoever wants to know: the log always, on_error for what went wrong, on_report for everything."""

    log = log

    def __init__(self, on_error: Optional[Callback], on_report: Optional[Callback]) -> None:
        self.on_error = on_error
        self.on_report = on_report

    def tell(self, client: Any) -> None:
        """Hands over what waits. An exception of a callback is logged."""
        lines: Counter[str] = Counter()
        levels = {}
        for report in take_all(client):
            line = words(report)
            lines[line] += 1
            levels[line] = level(report)
            if self.on_report:
                guarded(self.log, "on_report", self.on_report, report)
            if self.on_error and is_error(report):
                guarded(self.log, "on_error", self.on_error, report)
        for line, count in lines.items():
            self.log.log(levels[line], "%s%s", line, f" ({count} times)" if count > 1 else "")


def guarded(log: logging.Logger, name: str, callback: Callable[..., Any], *arguments: Any) -> None:
    """Calls it, and logs whatever it raises: also what is no Exception (sys.exit(), a gevent.Timeout, pytest.fail())."""
    try:
        callback(*arguments)
    except KeyboardInterrupt:  # came to this thread by chance
        raise
    except BaseException:
        log.exception("%s raised an exception; delivery goes on", name)


def level(report: Report) -> int:
    return logging.ERROR if report.get("code") == "refused" else LEVELS.get(report["kind"], logging.DEBUG)


def words(report: Report) -> str:
    told = [f"{name}={report[name]}" for name in LOGGED if name in report]  # type: ignore[literal-required]
    return " ".join([report["kind"], *told])


def start_thread(client: Any, listener: Listener) -> "Optional[Thread]":
    """None where no thread can start (a limit, an isolated sub-interpreter) or may not: reports then wait, counted,
    unread."""
    if uwsgi_forbids_threads():
        log.warning("reports are not read: uWSGI runs without enable-threads")
        return None
    try:
        return Thread(client, listener)
    except RuntimeError as error:
        log.warning("reports are not read: %s", error)
        return None


def in_uwsgi_master() -> bool:
    """It forks without telling the interpreter, also with enable-threads (py-call-uwsgi-fork-hooks is off by default): a
    thread of the master's would seem to run in every worker, and one that holds the GIL at that moment stops the worker."""
    uwsgi = sys.modules.get("uwsgi")
    return uwsgi is not None and bool(uwsgi.masterpid() == os.getpid())


def uwsgi_forbids_threads() -> bool:
    """It then forks without telling the interpreter: a thread that waits for the GIL at that moment stops the
    child for ever."""
    uwsgi = sys.modules.get("uwsgi")
    return uwsgi is not None and not {"enable-threads", "threads"} & set(getattr(uwsgi, "opt", ()))


class Thread:
    """A thread that sleeps until reports wait, and tells the listener. Ends with `stop`."""

    def __init__(self, client: Any, listener: Listener) -> None:
        self._client = client
        self._listener = listener
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run, name="segmo-reports", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._close()
            raise

    def _run(self) -> None:
        waiting = select.poll()
        waiting.register(lib.segmo_client_report_fd(self._client), select.POLLIN)
        waiting.register(self._stopped, select.POLLIN)
        while all(descriptor != self._stopped for descriptor, _ in waiting.poll()):
            self._tell()
        self._tell()
        self._close()

    def _tell(self) -> None:
        """A handler of the host's logging that raises must not end the thread; it is told as if it had."""
        try:
            self._listener.tell(self._client)
        except BaseException:
            threading.excepthook(threading.ExceptHookArgs([*sys.exc_info(), self._thread]))

    def _close(self) -> None:
        os.close(self._stopped)
        os.close(self._stop)

    def stop(self, patience_s: float) -> None:
        """Tells what still waits, then ends; a callback that hangs is left behind."""
        os.write(self._stop, b".")
        if self._thread is not threading.current_thread():
            self._thread.join(patience_s)
