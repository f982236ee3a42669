"""216 texts that may be said to nobody: secrets and personal data, each told apart from all others.

Whoever has one in its hands puts it where such a thing belongs; afterwards nothing that was said may hold it. Only
the tail is looked for, since a masked secret shows its first letters. Event names and message ids are among them, since
an application may make them of anything; docs/security.md says where these two are shown on purpose.
"""
import random

SECRETS = ("write_key", "data_api_key", "test_data_api_key", "access_token", "export_secret", "proxy_password", "url_password",
           "wrong_key", "wrong_password", "wrong_bearer", "wrong_api_key")
PERSONAL = ("email", "phone", "first_name", "last_name", "user_id", "anonymous_id", "previous_id", "group_id", "group_name",
            "address", "ip", "device_token", "order_id", "note", "event_name", "message_id")
PER_KIND = 8


class Canaries:
    def __init__(self, seed=6):
        shuffle = random.Random(seed)
        self._texts = {kind: ["".join(shuffle.choice("bcdfghjkmnpqrstvwxz") for _ in range(12)) for _ in range(PER_KIND)]
                       for kind in SECRETS + PERSONAL}

    def __len__(self):
        return sum(map(len, self._texts.values()))

    def get(self, kind, number=0):
        tail = self._texts[kind][number % PER_KIND]
        return {"email": f"ann.{tail}@mail.example", "phone": f"+49-30-{tail}"}.get(kind, f"k7{kind[:1]}{tail}")

    def found_in(self, text):
        """The kinds whose canaries stand in a text."""
        return sorted({f"{kind} {number}" for kind, tails in self._texts.items() for number, tail in enumerate(tails)
                       if tail in text})

    def message(self, number, kind="track", **more):
        """A message full of personal data."""
        def person(name):
            return self.get(name, number)
        members = {"type": kind, "userId": person("user_id"), "anonymousId": person("anonymous_id"),
                   "messageId": f"{person('message_id')}-{kind}",
                   "context": {"ip": person("ip"), "device": {"token": person("device_token")},
                               "traits": {"email": person("email"), "phone": person("phone")}}}
        body = {"email": person("email"), "phone": person("phone"), "firstName": person("first_name"),
                "lastName": person("last_name"), "address": {"street": person("address")}, "orderId": person("order_id"),
                "note": person("note")}
        if kind == "track":
            members.update(event=person("event_name"), properties=body)
        elif kind == "alias":
            members["previousId"] = person("previous_id")
        elif kind == "group":
            members.update(groupId=person("group_id"), traits={**body, "name": person("group_name")})
        else:
            members["traits"] = body
        return {**members, **more}

    def bad_messages(self):
        """Each refused for another reason, the values that are at fault being canaries."""
        for number, change in enumerate((
                {"userId": [self.get("user_id")]}, {"timestamp": self.get("note")}, {"properties": self.get("note", 1)},
                {"context": self.get("address")}, {"type": self.get("note", 2)}, {"event": {"x": self.get("note", 3)}},
                {"messageId": {"x": self.get("note", 5)}}, {"integrations": self.get("note", 4)},
                {"properties": {"a": {"b": self.get("email")} , "list": [self.get("phone")] * 4000}},
                {"userId": None, "anonymousId": None, "properties": {"email": self.get("email", 2)}})):
            yield self.message(number, **change)

    def broken_texts(self):
        """What is no JSON, right behind a canary."""
        for number in range(PER_KIND):
            value = f'"{self.get("email", number)}"'
            yield '{"type":"track","userId":%s%s' % (value, (",}", "", " x}", ',"a":NaN}', ',"userId":%s}' % value, ',"a":01}',
                                                               ',"a":"\\q"}', ',"a":1e999}')[number])
