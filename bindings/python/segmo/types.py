"""Shapes of messages, reports and counters, for type checkers and readers. All plain dictionaries."""
from typing import Any, Dict, List, Mapping, Optional, TypedDict

#: Traits, properties, context and integrations: what docs/reference/conversion.md can convert.
Values = Mapping[str, Any]


class Message(TypedDict, total=False):
    """One call of the Segment Spec, with the names it has on the wire."""

    type: str
    """ "identify", "track", "page", "screen", "group" or "alias" """
    userId: Any
    anonymousId: Any
    event: str
    name: str
    category: str
    groupId: Any
    previousId: Any
    properties: Values
    traits: Values
    context: Values
    integrations: Values
    timestamp: Any
    messageId: str


class Report(TypedDict, total=False):
    """What became of messages. `kind` is always there; the others where they make sense.

    kind         members
    "dead"       destination, reason, status, source, messageId: a message went to the dead letters; with
                 reports_letters=True also letter: the message itself, the answer, attempts, times
    "paused"     destination, reason, status, remedy: credentials or settings are wrong; messages wait
    "resumed"    destination
    "skipped"    destination, reason, count: left out on purpose; with reports_steps=True also messageIds
    "warning"    destination, code, field, message, messageId: sent, but something will be cut or dropped
    "settings"   code ("in_force" or "refused"), field, message
    "spool"      code, count, message: adopted or damaged records, disk full and back
    "delivered"  destination, messageIds: only with reports_delivered=True
    "attempt"    destination, status, attempt, latency_us, outcome, source, retry_in_ms (None: not sent again, or not
                 known yet), code, answer, messageIds: only with reports_attempts=True; with reports_steps=True
                 also when it starts (destination, attempt, outcome "started", source, messageIds)
    "log"        code: only with debug=True
    """

    kind: str
    destination: str
    reason: str
    status: int
    source: str
    messageId: str
    messageIds: List[str]
    remedy: str
    count: int
    code: str
    field: str
    message: str
    letter: Dict[str, Any]
    attempt: int
    latency_us: int
    retry_in_ms: Optional[int]
    outcome: str
    answer: str


class DestinationStats(TypedDict):
    """Counters of one destination; accepted + adopted = delivered + dead + pending + skipped."""

    accepted: int
    adopted: int
    delivered: int
    dead: int
    pending: int
    pending_bytes: int
    skipped: int
    skipped_for: Dict[str, int]
    dead_for: Dict[str, int]
    requests: int
    retries: int
    bytes_raw: int
    bytes_sent: int
    warnings: int
    state: str
    """ "open" or "paused" """
    paused_for: Optional[str]
    last_failure: Optional[Dict[str, Any]]
    """ {"reason", "status": 0 without an answer, "at": ISO 8601} of the last request that failed """


class Stats(TypedDict):
    """Counters since the client was opened (in a forked child: since the fork)."""

    accepted: int
    destinations: Dict[str, DestinationStats]
    spool: Dict[str, Any]
    dead_letters_dropped: int
    reports_dropped: int
