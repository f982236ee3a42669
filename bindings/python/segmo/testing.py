"""For the tests of an application: what it would have sent, and a client that sends nothing.

    from segmo.testing import FakeClient, partial

    client = FakeClient()
    sell(client)
    client.events.assert_tracked("Order Completed", user_id="u-1", properties=partial(total=9.99))

With pytest the fixture `segmo_events` records every client of the process; see docs/guide/python-testing.md.
Messages are checked as a real client checks them: what it would refuse raises here too.
"""
import contextlib
import difflib
import json
import threading
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union, cast, overload

from ._convert import encode
from ._judge import Judge
from ._options import Path
from .analytics._spool import Spool
from .analytics.client import Client as DropIn
from .client import Client
from .errors import ClosedError, InvalidError
from .types import Message, Report, Stats

#: The arguments of the six calls and the members of a message that they become.
_MEMBERS = {"user_id": "userId", "anonymous_id": "anonymousId", "properties": "properties", "traits": "traits",
            "context": "context", "integrations": "integrations", "timestamp": "timestamp", "message_id": "messageId",
            "name": "name", "category": "category", "group_id": "groupId", "previous_id": "previousId"}


class Partial:
    """Equal to an object that has at least these members, whatever else it has."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self.members = dict(members)

    def __repr__(self) -> str:
        return f"partial({self.members!r})"


def partial(members: Optional[Mapping[str, Any]] = None, **more: Any) -> Partial:
    """Matches an object that has at least these members: partial(total=9.99), partial({"total": 9.99})."""
    return Partial({**(members or {}), **more})


class Difference(NamedTuple):
    path: str
    expected: str
    sent: str

    def __str__(self) -> str:
        return f"    - {self.path}: {self.expected}\n    + {self.path}: {self.sent}"


class Events(Sequence[Message]):
    """Messages in the order in which they were accepted, as the JSON that they became."""

    def __init__(self) -> None:
        self._messages: List[Message] = []
        self._lock = threading.Lock()

    def record(self, text: bytes) -> None:
        with self._lock:
            self._messages.append(json.loads(text))

    def clear(self) -> None:
        """Forgets what came so far."""
        with self._lock:
            self._messages.clear()

    def __len__(self) -> int:
        return len(self._messages)

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> List[Message]: ...
    def __getitem__(self, index: Union[int, slice]) -> Union[Message, List[Message]]:
        return self._messages[index]

    def __repr__(self) -> str:
        return f"<Events: {', '.join(_title(message) for message in self._messages) or 'none'}>"

    def assert_tracked(self, event: str, **members: Any) -> Message:
        """That an event of this name was tracked, with these members; answers the first.

        members  the arguments of the call: user_id, properties, context ... Values are compared after
                 conversion to JSON. partial() asks for some members of an object.

        Raises AssertionError that shows the nearest message and how it differs.
        """
        __tracebackhide__ = True
        return self._assert(f"track {event!r}", {"type": "track", "event": event}, members)

    def assert_sent(self, type: str, **members: Any) -> Message:
        """That a message of this type was sent: "identify", "page" ... The rest as in assert_tracked()."""
        __tracebackhide__ = True
        return self._assert(type, {"type": type}, members)

    def assert_not_tracked(self, event: str, **members: Any) -> None:
        """That no event of this name, with these members, was tracked."""
        __tracebackhide__ = True
        expected = {"type": "track", "event": event, **_on_the_wire(members)}
        for number, message in enumerate(self._messages, 1):
            if not list(_differences("", Partial(expected), message)):
                raise AssertionError(f"{_call(f'track {event!r}', members)} was sent: message {number} of {len(self)}\n"
                                     f"    {json.dumps(message)}")

    def _assert(self, what: str, fixed: Dict[str, Any], members: Dict[str, Any]) -> Message:
        __tracebackhide__ = True
        expected = Partial({**fixed, **_on_the_wire(members)})
        compared = [(list(_differences("", expected, message)), message) for message in self._messages]
        for differences, message in compared:
            if not differences:
                return message
        lines = [f"{_call(what, members)} was not sent"]
        if compared:
            differences, nearest = min(compared, key=lambda one: _distance(one[0], one[1], fixed))
            number = self._messages.index(nearest) + 1
            lines += [f"the nearest is message {number} of {len(compared)}, {_title(nearest)}; it differs in",
                      *map(str, differences)]
        else:
            lines.append("nothing was sent at all")
        raise AssertionError("\n".join(lines))


def _call(what: str, members: Dict[str, Any]) -> str:
    given = ", ".join(f"{name}={value!r}" for name, value in members.items())
    return f"{what} with {given}" if given else what


def _title(message: Message) -> str:
    return f"{message['type']} {message['event']!r}" if "event" in message else message["type"]


def _on_the_wire(members: Dict[str, Any]) -> Dict[str, Any]:
    unknown = sorted(set(members) - set(_MEMBERS))
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], _MEMBERS, 1, 0)
        raise TypeError(f"no message has {unknown[0]!r}; the nearest is {nearest[0]!r}")
    return {_MEMBERS[name]: value for name, value in members.items()}


def _distance(differences: List[Difference], message: Message, fixed: Dict[str, Any]) -> Tuple[bool, int, float]:
    """How far a message is from what was expected: first by how much of it, then by the event's name."""
    likeness = difflib.SequenceMatcher(None, str(message.get("event")), str(fixed.get("event"))).ratio()
    return message["type"] != fixed["type"], len(differences), -likeness


def _differences(path: str, expected: Any, sent: Any) -> Iterator[Difference]:
    if isinstance(expected, (Partial, dict)) and isinstance(sent, dict):
        members = expected.members if isinstance(expected, Partial) else expected
        for name, value in members.items():
            if name in sent:
                yield from _differences(f"{path}/{name}", value, sent[name])
            else:
                yield Difference(f"{path}/{name}", _words(value), "is missing")
        for name in [] if isinstance(expected, Partial) else sent:
            if name not in members:
                yield Difference(f"{path}/{name}", "is not expected", _words(sent[name]))
    elif isinstance(expected, (list, tuple)) and isinstance(sent, list) and len(expected) == len(sent):
        for index, (value, item) in enumerate(zip(expected, sent)):
            yield from _differences(f"{path}/{index}", value, item)
    elif not _is_equal(expected, sent):
        yield Difference(path, _words(expected), _words(sent))


def _is_equal(expected: Any, sent: Any) -> bool:
    if isinstance(expected, bool) or isinstance(sent, bool):
        return expected is sent
    return bool(expected == sent) or _as_json(expected) == sent


def _as_json(value: Any) -> Any:
    try:
        return json.loads(encode({"value": value}))["value"]
    except InvalidError:
        return None


def _words(value: Any) -> str:
    return repr(value)


class FakeClient(Client):
    """A segmo.Client for tests: checks each message by the library's rules, keeps it in `events`, sends nothing.

    Takes what segmo.Client takes; opens no spool, starts no thread, and has nothing to report.
    """

    def __init__(self, config_file: Optional[Path] = None, *, on_error: Any = None, on_report: Any = None,
                 report_thread: bool = True, **options: Any) -> None:
        self.events = Events()
        self._judge = Judge(config_file, **options)
        self._begun = False
        self._closed = False

    def enqueue(self, message: Mapping[str, Any], source: Optional[str] = None) -> None:
        if self._closed:
            raise ClosedError("the client was closed; open another one")
        text = encode(message)
        self._judge.explain(text, source)
        self.events.record(text)

    def explain(self, message: Mapping[str, Any], source: Optional[str] = None) -> Dict[str, Any]:
        return self._judge.explain(encode(message), source)

    def import_streams(self, payload: Union[bytes, str, Mapping[str, Any]],
                       source: Optional[str] = None) -> Dict[str, Any]:
        return _import_streams(self._judge, self.events, payload)

    def flush(self, timeout: Optional[float] = None) -> bool:
        if self._closed:
            raise ClosedError("the client was closed; open another one")
        return True

    def close(self, timeout: Optional[float] = None) -> bool:
        self._closed = True
        return True

    async def aflush(self, timeout: Optional[float] = None) -> bool:
        return self.flush(timeout)

    async def aclose(self, timeout: Optional[float] = None) -> bool:
        return self.close(timeout)

    def attach(self, loop: Any = None) -> None:
        """There are no reports."""

    def poll(self, timeout: float = 0) -> Optional[Report]:
        return None

    def stats(self) -> Stats:
        return cast(Stats, {"accepted": len(self.events), "destinations": {}, "spool": {},
                            "dead_letters_dropped": 0, "reports_dropped": 0})


def _import_streams(judge: Judge, events: Events, payload: Union[bytes, str, Mapping[str, Any]]) -> Dict[str, Any]:
    text = encode(payload) if isinstance(payload, Mapping) else \
        payload.encode() if isinstance(payload, str) else payload
    converted = judge.convert_streams(text)
    for message in converted["messages"]:
        events.record(json.dumps(message).encode())
    skipped, rejected, accepted = converted["skipped"], converted["rejected"], len(converted["messages"])
    return {"events": accepted + sum(skipped.values()) + len(rejected), "accepted": accepted, "skipped": skipped,
            "rejected": rejected}


@contextlib.contextmanager
def recording() -> Iterator[Events]:
    """Until it ends, every client of the process records instead of sending: segmo.Client, also one that was
    made before, and segmo.analytics. Yields the Events.

    Each message is checked by the client's own options. Threads are recorded, child processes are not.
    """
    events = Events()

    def enqueue(self: Client, message: Mapping[str, Any], source: Optional[str] = None) -> None:
        self.explain(message, source)
        events.record(encode(message))

    def enqueue_text(self: Spool, text: bytes) -> None:
        self.explain(json.loads(text))
        events.record(text)

    def deliver(self: Spool, text: bytes, message_id: str, patience_s: float) -> None:
        enqueue_text(self, text)

    def import_streams(self: Client, payload: Union[bytes, str, Mapping[str, Any]],
                       source: Optional[str] = None) -> Dict[str, Any]:
        return _import_streams(Judge(), events, payload)

    def check(self: DropIn, judge: Judge, text: bytes) -> None:
        judge.explain(text)
        events.record(text)

    replacements: List[Tuple[Type[Any], str, Callable[..., Any]]] = [
        (Client, "enqueue", enqueue), (Client, "import_streams", import_streams),
        (Spool, "enqueue_text", enqueue_text), (Spool, "deliver", deliver), (DropIn, "_check", check)]
    with contextlib.ExitStack() as stack:
        for owner, name, function in replacements:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, function)
        yield events
