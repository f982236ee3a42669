"""Reports as segment.analytics tells them: on_error(error, items), and an answer for each call in sync mode."""
import logging
import threading
from typing import Any, Callable, Dict, List, Optional, Tuple

from .. import _reports
from ..types import Report
from .request import APIError, error_of

OnError = Callable[[Exception, List[Dict[str, Any]]], Any]
CODES_KEPT = 64


class Answer:
    """What became of the first attempt at one message."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.error: Optional[Exception] = None

    def set(self, error: Optional[Exception]) -> None:
        self.error = error
        self.came.set()


class Listener(_reports.Listener):
    log = logging.getLogger("segment")

    def __init__(self, on_error: Optional[OnError]) -> None:
        super().__init__(None, self._note)
        self._on_items = on_error
        self._codes: Dict[Tuple[int, str], str] = {}
        self.begin()

    def begin(self) -> None:
        """At first, and in a forked child: what waits is the parent's, and its threads may hold the locks."""
        self._lock = threading.RLock()  # a signal's handler may call in the midst of a call
        self._telling = threading.RLock()  # an on_error may flush
        self._answers: Dict[str, Answer] = {}
        self._dead: List[Report] = []
        self.paused: Optional[APIError] = None

    def tell(self, client: Any) -> None:
        with self._telling:
            super().tell(client)
            self._hand_over()

    # ---- sync mode ----------------------------------------------------------------------------------

    def expect(self, message_id: str) -> Answer:
        with self._lock:
            return self._answers.setdefault(message_id, Answer())

    def forget(self, message_id: str) -> None:
        with self._lock:
            self._answers.pop(message_id, None)

    def _answer(self, message_ids: List[str], error: Optional[Exception]) -> None:
        with self._lock:
            answers = [self._answers.pop(message_id, None) for message_id in message_ids]
        for answer in filter(None, answers):
            answer.set(error)

    # ---- reports ------------------------------------------------------------------------------------

    def _note(self, report: Report) -> None:
        kind, is_segment = report["kind"], report.get("destination") == "segment"
        if kind == "attempt":
            self._remember_code(report)
            if is_segment:
                self._answer(report["messageIds"], self._error(report))
        elif kind == "dead" and "letter" in report:
            self._dead.append(report)
            if is_segment:
                self._answer([report["messageId"]], self._error(report))
        elif kind == "paused":
            self._pause(report, is_segment)
        elif kind == "resumed" and is_segment:
            self.paused = None

    def _remember_code(self, report: Report) -> None:
        """Dead letters keep the service's words; its code for them stands in the attempts only."""
        if report["code"]:
            if len(self._codes) >= CODES_KEPT:
                self._codes.clear()
            self._codes[report["status"], report["answer"]] = report["code"]

    def _error(self, report: Report) -> Optional[Exception]:
        """The exception for an attempt or a dead message; None: it arrived."""
        if report.get("outcome") == "delivered":
            return None
        words = report["letter"]["answer"] if "letter" in report else report["answer"]
        code = self._codes.get((report["status"], words)) or ("" if report["status"] else report.get("reason", ""))
        if report["destination"] != "segment":
            words = f"{report['destination']}: {words}"
        return error_of(report["status"], code, words)

    def _pause(self, report: Report, is_segment: bool) -> None:
        """Nothing is given up: the messages wait until the settings are right."""
        error = APIError(report["status"], report["reason"], report["remedy"])
        if is_segment:
            self.paused = error
        self._call(error, [])

    def _hand_over(self) -> None:
        """Messages that died of the same cause go to on_error together."""
        dead, self._dead = self._dead, []
        batches: Dict[Any, List[Report]] = {}
        for report in dead:
            cause = report["destination"], report["reason"], report["status"], report["letter"]["answer"]
            batches.setdefault(cause, []).append(report)
        for batch in batches.values():
            self._call(self._error(batch[0]), [report["letter"]["message"] for report in batch])

    def _call(self, error: Optional[Exception], items: List[Dict[str, Any]]) -> None:
        if self._on_items is not None and error is not None:
            _reports.guarded(self.log, "on_error", self._on_items, error, items)
