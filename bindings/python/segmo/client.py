"""The client: takes what the six calls make, and tells what becomes of it."""
import atexit
import os
import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Set, Union, cast

from . import _core, _options, _reports
from ._calls import Calls
from ._convert import encode
from ._core import call, ffi, lib, text_from
from .errors import ClosedError, FullError, SegmoError, TimeoutError, UnsupportedError
from .types import Report, Stats

if TYPE_CHECKING:
    import asyncio

SLICE_S = 0.1  # how long a call may stay in C before Ctrl-C is looked at
PATIENCE_S = 30.0  # for a disk that syncs (spool_sync="always") or a spool that gets room ("block")
BREATH_S = 0.001

_opened: "weakref.WeakSet[Client]" = weakref.WeakSet()
#: A client that has accepted something lives until it is closed, or the process ends and closes it.
_begun: "Set[Client]" = set()
_closes_with: Set[str] = set()  # modules that close this process's clients at its end
_enqueue = _core.enqueue


class Client(Calls):
    """Carries messages to Segment and MoEngage. One for a process; any thread may call it; fork needs no care.

        client = segmo.Client(segment_write_key="WK123")
        client.track("user-1", "Order Completed", {"total": Decimal("9.99")})
        client.close()

    A call returns when the message is in a file of the operating system: from then on it survives the
    process. It never waits for the network. Options are the library's, with underscores
    (docs/reference/options.md): a keyword beats the environment (SEGMO_SEGMENT_WRITE_KEY), which beats
    `config_file` (JSON; default: what SEGMO_CONFIG names).

    on_error(report)   called with each report of what went wrong: dead letters, a paused destination,
                       refused settings, trouble with the spool
    on_report(report)  called with every report (segmo.types.Report)
    report_thread      True: a thread of the client calls both, and writes the log "segmo"; False: nobody
                       does until you poll() or attach() the client to an event loop

    Callbacks never run on a thread of the library. What they raise is logged and stops nothing.

    Raises OptionError (an unknown option: the nearest one is offered), IoError (spool directory) and
    JsonError (file).
    """

    def __init__(self, config_file: Optional[_options.Path] = None, *,
                 on_error: Optional[_reports.Callback] = None, on_report: Optional[_reports.Callback] = None,
                 report_thread: bool = True, **options: Any) -> None:
        config = _options.new_config(config_file, options)
        out = ffi.new("segmo_client **")
        call(lib.segmo_client_open, out, config)
        self._client = ffi.gc(out[0], lib.segmo_client_free)
        self._address = int(ffi.cast("intptr_t", self._client))
        self._close_timeout_s = _options.seconds_of(config, "close.timeout_ms")
        self._blocks = _options.value_of(config, "spool.when_full") == "block"
        self._syncs = _options.value_of(config, "spool.sync") == "always"
        self._listener = _reports.Listener(on_error, on_report)
        self._wants_thread = report_thread
        self._thread: Optional[_reports.Thread] = None
        self._loop: "Optional[asyncio.AbstractEventLoop]" = None
        self._beginning = threading.RLock()
        self._begun = False
        self._closed = False
        _opened.add(self)

    # ---- accepting ----------------------------------------------------------------------------------

    def enqueue(self, message: Mapping[str, Any], source: Optional[str] = None) -> None:
        """Accepts one whole message, with the names of the wire (segmo.types.Message). As the six calls."""
        if not self._begun:
            self._begin()
        text = encode(message)
        status = _enqueue(self._address, source, text)
        if status:
            self._settle(status, text, source)

    def _settle(self, status: int, text: bytes, source: Optional[str]) -> None:
        """What a call has to wait for, or the error it ends with."""
        end = time.monotonic() + PATIENCE_S
        while status not in (0, _core.SYNC_WANTED):
            error = _core.error_at(status)
            if not (self._blocks and isinstance(error, FullError) and self._gets_room(end)):
                raise error
            status = _enqueue(self._address, source, text)  # full again where another thread was faster
        if status == _core.SYNC_WANTED and not self._in_slices(end, lib.segmo_client_sync):
            raise TimeoutError(f"the disk did not sync within {PATIENCE_S:.0f} s; the message is accepted",
                               retryable=False)

    def _gets_room(self, end: float) -> bool:
        time.sleep(BREATH_S)  # the room may be another destination's, and then there is nothing to wait for
        return time.monotonic() < end and self._in_slices(end, lib.segmo_client_wait_room)

    # ---- waiting ----------------------------------------------------------------------------------

    def flush(self, timeout: Optional[float] = None) -> bool:
        """Sends what waits; True when everything accepted before has an outcome, False when time is over.

        timeout  seconds; default: the option close_timeout_ms. What is still pending stays in the spool
                 and goes on being sent. Releases the GIL; Ctrl-C ends it within 250 ms.

        Raises ClosedError, also when the client is closed meanwhile.
        """
        return self._in_slices(self._end(timeout), lib.segmo_client_flush_to, self._mark())

    def close(self, timeout: Optional[float] = None) -> bool:
        """Flushes, then stops; True when nothing is pending. Closing twice does no harm.

        timeout  seconds; default: the option close_timeout_ms. What is still pending stays on disk and is
                 sent by the next client on the directory. A program that ends without it closes by itself;
                 until then a client that has accepted something lives, also where nothing refers to it.

        Releases the GIL. Ctrl-C ends the waiting within 250 ms, and the client is closed then, too.
        """
        try:
            done = self._in_slices(self._end(timeout), lib.segmo_client_flush_to, self._mark())
        except ClosedError:
            return True
        except BaseException:
            self._stop()
            raise
        return self._stop() and done

    async def aflush(self, timeout: Optional[float] = None) -> bool:
        """flush() for asyncio: the loop goes on meanwhile, and cancelling it ends the waiting."""
        import asyncio  # here, because importing it costs several times what the rest of the package does
        end, mark, loop = self._end(timeout), self._mark(), asyncio.get_running_loop()
        while not await loop.run_in_executor(None, self._slice, end, lib.segmo_client_flush_to, mark):
            if time.monotonic() >= end:
                return False
        return True

    async def aclose(self, timeout: Optional[float] = None) -> bool:
        """close() for asyncio; cancelling it ends the waiting, and the client is closed then, too."""
        try:
            done = await self.aflush(timeout)
        except ClosedError:
            return True
        except BaseException:
            self._stop()
            raise
        return self._stop() and done

    def _end(self, timeout: Optional[float]) -> float:
        return time.monotonic() + (self._close_timeout_s if timeout is None else timeout)

    def _mark(self) -> int:
        """How far messages have been accepted: what is accepted while a flush waits is not waited for."""
        mark = ffi.new("uint64_t *")
        call(lib.segmo_client_mark, self._client, mark)
        return int(mark[0])

    def _in_slices(self, end: float, function: Any, *arguments: Any) -> bool:
        while not self._slice(end, function, *arguments):
            if time.monotonic() >= end:
                return False
        return True

    def _slice(self, end: float, function: Any, *arguments: Any) -> bool:
        left = max(0.0, min(SLICE_S, end - time.monotonic()))
        try:
            call(function, self._client, *arguments, round(left * 1000))
        except TimeoutError:
            return False
        return True

    def _stop(self) -> bool:
        with self._beginning:
            self._closed = True
            _begun.discard(self)
        done = True
        try:
            call(lib.segmo_client_close, self._client, 0)
        except TimeoutError:
            done = False
        except ClosedError:
            pass
        self._stop_listening()
        return done

    # ---- reports ----------------------------------------------------------------------------------

    def poll(self, timeout: float = 0) -> Optional[Report]:
        """The oldest report, waiting at most `timeout` seconds for one; None: there is none.

        For clients opened with report_thread=False; raises UnsupportedError while someone else reads.
        """
        if self._wants_thread or self._loop:
            raise UnsupportedError("reports go to the callbacks; open the client with report_thread=False to poll")
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, min(SLICE_S, end - time.monotonic()))
            report = _reports.take(self._client, round(left * 1000))
            if report or left == 0:
                return report

    def attach(self, loop: "Optional[asyncio.AbstractEventLoop]" = None) -> None:
        """From now on callbacks run on an event loop (default: the running one), and no thread is used."""
        import asyncio
        loop = loop or asyncio.get_running_loop()
        self._wants_thread = False
        self._stop_listening()
        self._loop = loop
        self._loop.add_reader(lib.segmo_client_report_fd(self._client), self._listener.tell, self._client)

    def _stop_listening(self) -> None:
        thread, self._thread = self._thread, None
        loop, self._loop = self._loop, None
        if thread:
            thread.stop(patience_s=2)
        if loop and not loop.is_closed():
            loop.call_soon_threadsafe(loop.remove_reader, lib.segmo_client_report_fd(self._client))
            self._listener.tell(self._client)

    # ---- looking in -------------------------------------------------------------------------------

    def stats(self) -> Stats:
        """Counters of this process; also after close()."""
        return cast(Stats, _loads(text_from(lib.segmo_client_stats_json, self._client)))

    def explain(self, message: Mapping[str, Any], source: Optional[str] = None) -> Dict[str, Any]:
        """What would happen to a message (segmo.types.Message): each destination, its connection mode, why or
        why not. Queues nothing. Raises as enqueue()."""
        text = encode(message)
        return _loads(text_from(lib.segmo_client_explain, self._client, _name(source), text, len(text)))

    def import_streams(self, payload: Union[bytes, str, Mapping[str, Any]],
                       source: Optional[str] = None) -> Dict[str, Any]:
        """Accepts what MoEngage Streams posted, as track (and identify) messages of an HTTP source.

        payload  the body, as it came or parsed

        Returns {"events", "accepted", "skipped": {reason: n}, "rejected": [{"index", "field", "message"}]}:
        one bad event never costs the others. Answer MoEngage only afterwards: the events are then on disk.
        Raises JsonError and InvalidError when the payload itself cannot be read, FullError when not all of
        it fits (let it be posted again: message ids come from the events' own).
        """
        if not self._begun:
            self._begin()
        text = encode(payload) if isinstance(payload, Mapping) else \
            payload.encode() if isinstance(payload, str) else payload
        answer = _loads(text_from(lib.segmo_client_import_streams, self._client, _name(source), text, len(text)))
        if self._syncs:
            self._settle(_core.SYNC_WANTED, text, source)
        return answer

    # ---- life -------------------------------------------------------------------------------------

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    async def __aenter__(self) -> "Client":
        self.attach()
        return self

    async def __aexit__(self, *exception: Any) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<segmo.Client {'closed' if self._closed else 'open'} at {id(self):#x}>"

    def _begin(self) -> None:
        """With the first message, in each process: what needs a thread or knows how the process ends. A signal's
        handler may call or close the client in the midst of it."""
        with self._beginning:
            if self._begun or self._closed:
                return
            _begun.add(self)
            if _reports.in_uwsgi_master():
                return  # each worker begins for itself
            self._begun = True
            if self._wants_thread:
                self._thread = _reports.start_thread(self._client, self._listener)
            _close_with_multiprocessing()
            if self._closed:
                _begun.discard(self)
                self._stop_listening()

    def _forked(self) -> None:
        """In the child: the thread is the parent's, and so is its loop, and whoever held the lock."""
        self._beginning = threading.RLock()
        self._begun = False
        self._thread = None
        self._loop = None


def _name(source: Optional[str]) -> Any:
    return ffi.NULL if source is None else source.encode()


def _loads(text: bytes) -> Dict[str, Any]:
    import json
    return cast(Dict[str, Any], json.loads(text))


def _close_all() -> None:
    """At exit: what waits is sent as long as close_timeout_ms allows; the rest is on disk. All clients send at the
    same time, so the time of each begins now."""
    begun = time.monotonic()
    for client in list(_begun):
        try:
            client.close(max(0.0, begun + client._close_timeout_s - time.monotonic()))
        except SegmoError:
            pass


def _forget_parents_threads() -> None:
    _closes_with.clear()
    for client in list(_opened):
        client._forked()


def _close_with_multiprocessing() -> None:
    """Children of multiprocessing (and of Celery's billiard) end without atexit; they have a list of their own."""
    for name in {"multiprocessing.util", "billiard.util"} - _closes_with:
        util = sys.modules.get(name)
        if util:
            util.Finalize(None, _close_all, exitpriority=0)
            _closes_with.add(name)


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_parents_threads)
