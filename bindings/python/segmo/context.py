"""What the surroundings of a call (a request, a task, a `with` block) add to its message.

    with segmo.context.use(user_id="user-1", context={"ip": "203.0.113.7"}):
        client.track(event="Order Completed")

The call's own members win; `context` is merged member by member. It travels as `contextvars` do: into
coroutines, tasks and what frameworks run in threads for them, not into threads you start yourself. The
integrations (segmo.django, segmo.flask, segmo.fastapi, segmo.wsgi, segmo.asgi, segmo.celery) use it too.
"""
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, AsyncIterable, AsyncIterator, Callable, Dict, Iterable, Iterator, Mapping, Optional, TypeVar

from .types import Values

Members = Mapping[str, Any]
"""Of userId, anonymousId and context those that are known."""
Item = TypeVar("Item")

#: Asked when a message is made and not before, so that requests which track nothing cost nothing.
carried: ContextVar[Optional[Callable[[], Members]]] = ContextVar("segmo", default=None)


@contextmanager
def use(user_id: Any = None, anonymous_id: Any = None, context: Optional[Values] = None) -> Iterator[None]:
    """For the six calls inside the block: ids for those that name no user, and more context.

    user_id, anonymous_id  text, or what converts to it (docs/reference/conversion.md)
    context                goes over that of the surroundings, under that of the call

    Ids are filled in when a call names none, and an anonymous id also beside the same user id, so that
    identify() links the two. A call about another user, and alias(), get no ids from here.
    """
    own = {name: value for name, value in
           (("userId", user_id), ("anonymousId", anonymous_id), ("context", context)) if value is not None}
    under = carried.get() or dict
    with carrying(lambda: _over(own, under())):
        yield


def current() -> Dict[str, Any]:
    """What calls get here now: of userId, anonymousId and context those that are known."""
    members = carried.get()
    return dict(members()) if members else {}


@contextmanager
def carrying(members: Optional[Callable[[], Members]]) -> Iterator[None]:
    """In place of the surroundings: what `members` answers whenever a message is made. For integrations."""
    token = carried.set(members)
    try:
        yield
    finally:
        carried.reset(token)


def carrying_through(members: Callable[[], Members], items: Iterable[Item]) -> Iterator[Item]:
    """The same for what is made while a response streams."""
    iterator = iter(items)
    while True:
        with carrying(members):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


async def carrying_through_async(members: Callable[[], Members], items: AsyncIterable[Item]) -> AsyncIterator[Item]:
    """The same for a response that coroutines make."""
    iterator = items.__aiter__()
    while True:
        with carrying(members):
            try:
                item = await iterator.__anext__()
            except StopAsyncIteration:
                return
        yield item


def complete(message: Members) -> Dict[str, Any]:
    """A message with the surroundings under its own members."""
    return _over(message, current())


def _over(message: Members, under: Members) -> Dict[str, Any]:
    """Both, of which the ids belong together: those of another user stay away."""
    if not _is_about(message, under):
        under = {name: value for name, value in under.items() if name == "context"}
    return _merged(message, under)


def _is_about(message: Members, under: Members) -> bool:
    if message.get("type") == "alias" or "anonymousId" in message:
        return False
    return "userId" not in message or str(message["userId"]) == str(under.get("userId"))


def _merged(over: Members, under: Members) -> Dict[str, Any]:
    """Objects member by member; where the two disagree, `over`."""
    both = {**under, **over}
    for name in over.keys() & under.keys():
        if isinstance(over[name], Mapping) and isinstance(under[name], Mapping):
            both[name] = _merged(over[name], under[name])
    return both
