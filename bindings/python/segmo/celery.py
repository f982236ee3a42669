"""For Celery: tasks know about the request that started them.

    app = Celery("shop", broker=...)
    segmo.celery.carry_context()

Clients need nothing: one made before the worker's processes fork works in each of them.
"""
import json
from contextlib import ExitStack
from typing import Any, Dict

from celery.signals import before_task_publish, task_postrun, task_prerun

from ._convert import encode
from .context import carrying, current

HEADER = "segmo"
_running: Dict[str, ExitStack] = {}


def carry_context() -> None:
    """From now on each task takes along the ids and the context that calls get where it is started, and calls
    made in the task get them; those it starts itself, and its retries, too.

    Call it where the Celery application is made, so that the web application and the worker both do. The
    members travel in a header of the message, through the broker: an ip and a user agent among them.
    """
    before_task_publish.connect(_take_along, dispatch_uid="segmo")
    task_prerun.connect(_bring_in, dispatch_uid="segmo")
    task_postrun.connect(_leave, dispatch_uid="segmo")


def _take_along(headers: Dict[str, Any], **_: Any) -> None:
    members = current()
    if members:
        headers[HEADER] = json.loads(encode(members))


def _bring_in(task_id: str, task: Any, **_: Any) -> None:
    members: Dict[str, Any] = task.request.get(HEADER)
    if members:
        _running[task_id] = ExitStack()
        _running[task_id].enter_context(carrying(lambda: members))


def _leave(task_id: str, **_: Any) -> None:
    running = _running.pop(task_id, None)
    if running:
        running.close()
