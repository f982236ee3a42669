"""Takes the place of segment.analytics: `import segmo.analytics as analytics`, and nothing else changes.

    analytics.write_key = "WK123"
    analytics.track("user-1", "Order Completed", {"total": 9.99})

The settings below are read with the first call. See docs/guide/python-analytics.md.
"""
import os
import threading
from typing import Any, Optional, Tuple

from .client import Client
from .version import VERSION

__version__ = VERSION

write_key = Client.DefaultConfig.write_key
host = Client.DefaultConfig.host
on_error = Client.DefaultConfig.on_error
debug = Client.DefaultConfig.debug
log_handler = Client.DefaultConfig.log_handler
send = Client.DefaultConfig.send
sync_mode = Client.DefaultConfig.sync_mode
max_queue_size = Client.DefaultConfig.max_queue_size
gzip = Client.DefaultConfig.gzip
timeout = Client.DefaultConfig.timeout
max_retries = Client.DefaultConfig.max_retries
proxies = Client.DefaultConfig.proxies
thread = Client.DefaultConfig.thread
upload_size = Client.DefaultConfig.upload_size
upload_interval = Client.DefaultConfig.upload_interval
oauth_client_id = Client.DefaultConfig.oauth_client_id
oauth_client_key = Client.DefaultConfig.oauth_client_key
oauth_key_id = Client.DefaultConfig.oauth_key_id
oauth_auth_server = Client.DefaultConfig.oauth_auth_server
oauth_scope = Client.DefaultConfig.oauth_scope

default_client: Optional[Client] = None
_opening = threading.Lock()


def track(*args: Any, **kwargs: Any) -> Tuple[bool, Any]:
    """Client.track() of the default client."""
    return _client().track(*args, **kwargs)


def identify(*args: Any, **kwargs: Any) -> Tuple[bool, Any]:
    """Client.identify() of the default client."""
    return _client().identify(*args, **kwargs)


def group(*args: Any, **kwargs: Any) -> Tuple[bool, Any]:
    """Client.group() of the default client."""
    return _client().group(*args, **kwargs)


def alias(*args: Any, **kwargs: Any) -> Tuple[bool, Any]:
    """Client.alias() of the default client."""
    return _client().alias(*args, **kwargs)


def page(*args: Any, **kwargs: Any) -> Tuple[bool, Any]:
    """Client.page() of the default client."""
    return _client().page(*args, **kwargs)


def screen(*args: Any, **kwargs: Any) -> Tuple[bool, Any]:
    """Client.screen() of the default client."""
    return _client().screen(*args, **kwargs)


def flush() -> None:
    """Client.flush() of the default client."""
    _client().flush()


def join() -> None:
    """Client.join() of the default client."""
    _client().join()


def shutdown() -> None:
    """Client.shutdown() of the default client."""
    _client().shutdown()


def _renew_lock() -> None:
    """In a forked child: another thread of the parent may have held it."""
    global _opening
    _opening = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _client() -> Client:
    """The default client, made of the settings with the first call."""
    global default_client
    if default_client:
        return default_client
    with _opening:
        if not default_client:
            default_client = Client(
                write_key, host=host, debug=debug, max_queue_size=max_queue_size, send=send, on_error=on_error,
                gzip=gzip, max_retries=max_retries, sync_mode=sync_mode, timeout=timeout, proxies=proxies,
                thread=thread, upload_size=upload_size, upload_interval=upload_interval, log_handler=log_handler,
                oauth_client_id=oauth_client_id, oauth_client_key=oauth_client_key, oauth_key_id=oauth_key_id,
                oauth_auth_server=oauth_auth_server, oauth_scope=oauth_scope)
        return default_client
