"""The six calls of the Segment Spec, as messages with the names of the wire."""
from typing import Any, Dict, Mapping, Optional

from .context import carried, complete
from .types import Values


class Calls:
    """Whoever has an `enqueue` has the six calls: the client, and what stands in its place."""

    def enqueue(self, message: Mapping[str, Any], source: Optional[str] = None) -> None:
        raise NotImplementedError

    def identify(self, user_id: Any = None, traits: Optional[Values] = None, *, anonymous_id: Any = None,
                 context: Optional[Values] = None, integrations: Optional[Values] = None, timestamp: Any = None,
                 message_id: Optional[str] = None, source: Optional[str] = None) -> None:
        """Records who a user is.

        user_id, anonymous_id  at least one of them; text or an integer
        traits, context        what docs/reference/conversion.md can convert; see the Segment Spec for names
        integrations           {"All": False, "MoEngage": True} chooses destinations
        timestamp              datetime or ISO 8601 text; default: now
        message_id             default: a new one
        source                 the source's id, where the client has several

        Returns when the message is on disk. Raises, having queued nothing: InvalidError (`field` is a
        JSON pointer), JsonError (two keys become the same text, or too deep), TooLargeError, FullError
        (retryable), ClosedError, NotFoundError (source).
        """
        message: Dict[str, Any] = {"type": "identify"}
        if user_id is not None:
            message["userId"] = user_id
        if traits is not None:
            message["traits"] = traits
        self._send(message, anonymous_id, context, integrations, timestamp, message_id, source)

    def track(self, user_id: Any = None, event: Optional[str] = None, properties: Optional[Values] = None, *,
              anonymous_id: Any = None, context: Optional[Values] = None, integrations: Optional[Values] = None,
              timestamp: Any = None, message_id: Optional[str] = None, source: Optional[str] = None) -> None:
        """Records what a user did: `event` names it. The other arguments as in identify()."""
        message: Dict[str, Any] = {"type": "track"}
        if user_id is not None:
            message["userId"] = user_id
        if event is not None:
            message["event"] = event
        if properties is not None:
            message["properties"] = properties
        self._send(message, anonymous_id, context, integrations, timestamp, message_id, source)

    def page(self, user_id: Any = None, name: Optional[str] = None, properties: Optional[Values] = None, *,
             category: Optional[str] = None, anonymous_id: Any = None, context: Optional[Values] = None,
             integrations: Optional[Values] = None, timestamp: Any = None, message_id: Optional[str] = None,
             source: Optional[str] = None) -> None:
        """Records a page view. The other arguments as in identify()."""
        self._view("page", user_id, name, category, properties, anonymous_id, context, integrations, timestamp,
                   message_id, source)

    def screen(self, user_id: Any = None, name: Optional[str] = None, properties: Optional[Values] = None, *,
               category: Optional[str] = None, anonymous_id: Any = None, context: Optional[Values] = None,
               integrations: Optional[Values] = None, timestamp: Any = None, message_id: Optional[str] = None,
               source: Optional[str] = None) -> None:
        """Records a screen view. The other arguments as in identify()."""
        self._view("screen", user_id, name, category, properties, anonymous_id, context, integrations, timestamp,
                   message_id, source)

    def group(self, user_id: Any = None, group_id: Any = None, traits: Optional[Values] = None, *,
              anonymous_id: Any = None, context: Optional[Values] = None, integrations: Optional[Values] = None,
              timestamp: Any = None, message_id: Optional[str] = None, source: Optional[str] = None) -> None:
        """Records that a user belongs to a group, which `traits` describe. The other arguments as in identify()."""
        message: Dict[str, Any] = {"type": "group"}
        if user_id is not None:
            message["userId"] = user_id
        if group_id is not None:
            message["groupId"] = group_id
        if traits is not None:
            message["traits"] = traits
        self._send(message, anonymous_id, context, integrations, timestamp, message_id, source)

    def alias(self, previous_id: Any = None, user_id: Any = None, *, context: Optional[Values] = None,
              integrations: Optional[Values] = None, timestamp: Any = None, message_id: Optional[str] = None,
              source: Optional[str] = None) -> None:
        """Records that `previous_id` and `user_id` are the same user. The other arguments as in identify()."""
        message: Dict[str, Any] = {"type": "alias"}
        if previous_id is not None:
            message["previousId"] = previous_id
        if user_id is not None:
            message["userId"] = user_id
        self._send(message, None, context, integrations, timestamp, message_id, source)

    def _view(self, type_: str, user_id: Any, name: Optional[str], category: Optional[str],
              properties: Optional[Values], *rest: Any) -> None:
        message: Dict[str, Any] = {"type": type_}
        if user_id is not None:
            message["userId"] = user_id
        if name is not None:
            message["name"] = name
        if category is not None:
            message["category"] = category
        if properties is not None:
            message["properties"] = properties
        self._send(message, *rest)

    def _send(self, message: Dict[str, Any], anonymous_id: Any, context: Optional[Values],
              integrations: Optional[Values], timestamp: Any, message_id: Optional[str],
              source: Optional[str]) -> None:
        if anonymous_id is not None:
            message["anonymousId"] = anonymous_id
        if context is not None:
            message["context"] = context
        if integrations is not None:
            message["integrations"] = integrations
        if timestamp is not None:
            message["timestamp"] = timestamp
        if message_id is not None:
            message["messageId"] = message_id
        self.enqueue(complete(message) if carried.get() else message, source)
