"""segmo carries server-side events to Segment and MoEngage without losing one.

    import segmo

    client = segmo.Client(segment_write_key="WK123")
    client.track("user-1", "Order Completed", {"total": 9.99})
    client.close()

See docs/guide/python.md.
"""
from ._core import VERSION as __version__
from .client import Client
from .errors import (ClosedError, FullError, InvalidError, IoError, JsonError, NotFoundError, OptionError,
                     OutOfMemoryError, SegmoError, TimeoutError, TooLargeError, UnsupportedError)

__all__ = ["Client", "ClosedError", "FullError", "InvalidError", "IoError", "JsonError", "NotFoundError",
           "OptionError", "OutOfMemoryError", "SegmoError", "TimeoutError", "TooLargeError", "UnsupportedError",
           "__version__"]
