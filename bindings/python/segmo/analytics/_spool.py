"""segmo.Client as the drop-in client uses it: messages come as finished text."""
import time
from typing import Any

from .. import _core
from ..client import Client
from ._listener import Listener
from .request import no_answer

LOOK_S = 0.05  # how often a waiting call looks whether its destination was paused


class Spool(Client):
    def __init__(self, listener: Listener, **options: Any) -> None:
        super().__init__(**options)
        self._listener: Listener = listener

    def _forked(self) -> None:
        super()._forked()
        self._listener.begin()

    def tell(self) -> None:
        """Returns when on_error was called for everything that has ended so far."""
        self._listener.tell(self._client)

    def all_paused(self) -> bool:
        """Whether everything that waits does so for a service that refuses the settings."""
        waiting = [of for of in self.stats()["destinations"].values() if of["pending"]]
        return bool(waiting) and all(of["state"] == "paused" for of in waiting)

    def enqueue_text(self, text: bytes) -> None:
        if not self._begun:
            self._begin()
        status = _core.enqueue(self._address, None, text)
        if status:
            self._settle(status, text, None)

    def deliver(self, text: bytes, message_id: str, patience_s: float) -> None:
        """Raises what the first attempt at Segment came to, unless the message arrived."""
        answer = self._listener.expect(message_id)
        try:
            self.enqueue_text(text)
            end = time.monotonic() + patience_s
            while not answer.came.wait(LOOK_S):
                if self._listener.paused:
                    raise self._listener.paused
                if time.monotonic() > end:
                    raise no_answer("no answer within the timeout; the message waits in the spool")
        finally:
            self._listener.forget(message_id)
        if answer.error:
            raise answer.error
