"""Sends the messages of an NDJSON file through the Python package; prints its counters. Options: SEGMO_... variables."""
import json
import sys

import segmo


def send(client, message):
    """The call that an application would have made."""
    common = {"anonymous_id": message.get("anonymousId"), "context": message.get("context"),
              "integrations": message.get("integrations"), "timestamp": message.get("timestamp"),
              "message_id": message.get("messageId")}
    kind, user = message["type"], message.get("userId")
    if kind == "identify":
        client.identify(user, message.get("traits"), **common)
    elif kind == "track":
        client.track(user, message["event"], message.get("properties"), **common)
    elif kind == "group":
        client.group(user, message["groupId"], message.get("traits"), **common)
    elif kind == "alias":
        del common["anonymous_id"]
        client.alias(message["previousId"], user, **common)
    else:
        view = client.page if kind == "page" else client.screen
        view(user, message.get("name"), message.get("properties"), category=message.get("category"), **common)


def main():
    with segmo.Client() as client, open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            send(client, json.loads(line))
        if not client.flush(120):
            sys.exit("not everything was delivered within two minutes")
        print(json.dumps(client.stats()))


if __name__ == "__main__":
    main()
