"""Requests that the tests of the sandbox send, in forms that both services take."""
import base64
import json

JSON = {"Content-Type": "application/json"}


def basic(user, password=""):
    token = base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
    return {"Authorization": "Basic " + token}


WRITER = basic("WK1")
SENDER = dict(basic("APP1", "KEY1"), **JSON)


def without(message, *names):
    return {name: value for name, value in message.items() if name not in names}


# ---- Segment -------------------------------------------------------------------------------------

MESSAGES = {
    "identify": {"type": "identify", "userId": "u-1", "messageId": "m-i", "traits": {"plan": "free"}},
    "track": {"type": "track", "userId": "u-1", "messageId": "m-t", "event": "Lamp Lit", "properties": {"w": 9}},
    "page": {"type": "page", "anonymousId": "a-1", "messageId": "m-p", "name": "Home", "category": "Shop"},
    "screen": {"type": "screen", "userId": "u-1", "messageId": "m-s", "name": "Cart"},
    "group": {"type": "group", "userId": "u-1", "messageId": "m-g", "groupId": "g-1", "traits": {"size": 3}},
    "alias": {"type": "alias", "userId": "u-1", "messageId": "m-a", "previousId": "a-1"},
}


def numbered(seq, user="u-1", message_id=None, event="Lamp Lit"):
    return {"type": "track", "userId": user, "messageId": message_id or "m-%s-%d" % (user, seq), "event": event,
            "properties": {"seq": seq}}


def send(sandbox, *messages, **options):
    return sandbox.request("POST", "/v1/batch", {"batch": list(messages)}, WRITER, **options)


def statuses(sandbox, count):
    """What so many requests with one message each are answered."""
    return [send(sandbox, numbered(seq)).status for seq in range(count)]


# ---- MoEngage ------------------------------------------------------------------------------------

ACTION = {"action": "Lamp Lit", "attributes": {"watts": 9}, "platform": "web", "app_version": "3.1.0",
          "current_time": "2024-01-05T10:11:12.345Z", "user_timezone_offset": 19800}
CUSTOMER = {"type": "customer", "customer_id": "u-77", "update_existing_only": False,
            "attributes": {"first_name": "Asha", "sizes": ["M", "L"]}}
EVENT = {"type": "event", "customer_id": "u-77", "device_id": "dev-9", "actions": [ACTION]}
DEVICE = {"type": "device", "customer_id": "u-77", "device_id": "dev-9",
          "attributes": {"platform": "ANDROID", "push_id": "token"}}
PAIR = {"merged_user": "old-id", "retained_user": "new-id"}
SUCCESS = "Your request has been accepted and will be processed soon."


def action_with(**change):
    return dict(EVENT, actions=[dict(ACTION, **change)])


def check_refusal(answer, status, kind, attribute=None):
    assert answer.status == status, answer.text
    error = answer.json["error"]
    assert answer.json["status"] == "fail"
    assert error["type"] == kind
    assert error["message"] and error["request_id"]
    assert error.get("attribute") == attribute
