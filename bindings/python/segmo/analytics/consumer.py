"""What segment.analytics.consumer offers to applications."""
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from .client import Client

MAX_MSG_SIZE = 32 << 10
BATCH_SIZE_LIMIT = 475000


class FatalError(Exception):
    """A failure that no retry would cure."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"[Segment] {self.message}"


class Consumer:
    """The settings of delivery, and whether it runs. It is no thread: the library has its own."""

    def __init__(self, client: "Client", retries: int, upload_size: int, upload_interval: float) -> None:
        self._client = client
        self.retries = retries
        self.upload_size = upload_size
        self.upload_interval = upload_interval

    @property
    def timeout(self) -> Any:
        return self._client.timeout

    def is_alive(self) -> bool:
        return self._client.is_open()

    def join(self, timeout: Optional[float] = None) -> None:
        self._client.join()


class Queue:
    """What waits to be sent, as an application looks at it."""

    def __init__(self, client: "Client", maxsize: int) -> None:
        self._client = client
        self.maxsize = maxsize

    def qsize(self) -> int:
        """How many messages have no outcome yet."""
        return self._client.pending()

    def empty(self) -> bool:
        return self.qsize() == 0

    def full(self) -> bool:
        return 0 < self.maxsize <= self.qsize()

    def join(self) -> None:
        """As Client.flush()."""
        self._client.flush()
