"""segmo.Client as the drop-in client uses it: messages come as finished text, Segment may want access tokens."""
import time
from typing import TYPE_CHECKING, Any, Optional

from .. import _core
from ..client import Client
from ._listener import Listener
from .request import no_answer

if TYPE_CHECKING:
    from .._oauth import TokenKeeper, TokenSource

LOOK_S = 0.05  # how often a waiting call looks whether its destination was paused


class Spool(Client):
    def __init__(self, listener: Listener, tokens: "Optional[TokenSource]" = None, **options: Any) -> None:
        self._keeper: "Optional[TokenKeeper]" = None
        super().__init__(**options)
        self._listener: Listener = listener
        if tokens:
            from .._oauth import TokenKeeper
            self._keeper = TokenKeeper(tokens, self._use_token, listener.refuse_token, listener.log)
            if any(of["pending"] for of in self.stats()["destinations"].values()):
                self._begin()  # what a dead process left goes out without a first message, if there is a token

    def _begin(self) -> None:
        self._listener.keeper = self._keeper
        super()._begin()
        if self._keeper and self._begun:
            self._keeper.start()

    def _stop(self) -> bool:
        if self._keeper:
            self._keeper.stop()
        return super()._stop()

    def _forked(self) -> None:
        super()._forked()
        self._listener.begin()
        if self._keeper:
            self._keeper.forked()

    def _use_token(self, token: str) -> None:
        _core.call(_core.lib.segmo_client_set, self._client, b"segment.access_token", token.encode())
        self._listener.token_came()

    def tell(self) -> None:
        """Returns when on_error was called for everything that has ended so far."""
        self._listener.tell(self._client)

    def all_paused(self) -> bool:
        """Whether everything that waits does so for a service that refuses the settings."""
        self.tell()
        waiting = {name: of for name, of in self.stats()["destinations"].items() if of["pending"]}
        return bool(waiting) and all(self._is_paused(name, of["state"]) for name, of in waiting.items())

    def _is_paused(self, name: str, state: str) -> bool:
        if name == "segment" and self._keeper:  # another token may end the pause, unless the listener heard otherwise
            return self._listener.paused is not None
        return state == "paused"

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
