#!/usr/bin/env python3
"""Writes the body of one MoEngage Streams request, a batch of campaign events; equal options give equal bytes.

    streams.py --count 100 --seed 7 --out streams.json

Among the events are always a malformed one (no name, code or id) and a USER_ACTION_EVENT, when there is room for
them; known users carry derived attributes. Event ids are unique and end in the event's place in the batch.
"""
import argparse
import json
import sys

from generate import CITIES, Dice, PLANS, SPAN_START

# name, code, channel, where the recipient stands
CAMPAIGN_EVENTS = [
    ("Email Sent", "MOE_EMAIL_SENT", "Email", "email_id"),
    ("Email Clicked", "MOE_EMAIL_CLICK", "Email", "email_id"),
    ("Email Unsubscribed", "MOE_EMAIL_UNSUBSCRIBE", "Email", "email_id"),
    ("SMS Delivered", "SMS_DELIVERED", "SMS", "mobile_number"),
    ("Notification Received Android", "NOTIFICATION_RECEIVED_MOE", "Push", "push_id"),
    ("Notification Clicked iOS", "NOTIFICATION_CLICKED_IOS_MOE", "Push", "push_id"),
    ("Mobile In-App Shown", "MOE_IN_APP_SHOWN", "Mobile In-Apps", None),
    ("User Entered Flow", "USER_ENTERED_FLOW", "Flows", None),
]
MALFORMED_AT = 2
USER_ACTION_AT = 4


def recipient(dice, place):
    return {"email_id": "person%d@example.test" % dice.below(1000),
            "mobile_number": "+4179%07d" % dice.below(10 ** 7),
            "push_id": "token-%s" % dice.hexadecimal(32)}[place]


def campaign_attributes(dice, channel):
    attributes = {"campaign_id": dice.hexadecimal(24), "campaign_name": "%s offer" % dice.one_of(CITIES),
                  "campaign_type": dice.one_of(["One-time", "Periodic", "Event Trigger"]),
                  "campaign_channel": channel}
    if dice.chance(0.3):
        attributes.update(variation_id="1", locale_id="0", locale_name="Default")
    if channel == "Flows" or dice.chance(0.2):
        attributes.update(parent_flow_id="flow-%d" % dice.below(50), parent_flow_name="Onboarding")
    return attributes


def person(dice, event):
    number = dice.below(200)
    event["user_attributes"] = {"moengage_user_id": "mu-%04d" % number}
    if number % 5 == 4:
        return  # nobody known
    event["uid"] = "user-%06d" % number
    event["user_attributes"].update(plan_type=dice.one_of(PLANS), best_channel=dice.one_of(["Email", "Push"]),
                                    lifetime_value=dice.price(0, 5000))


def campaign_event(dice, place):
    name, code, channel, to = dice.one_of(CAMPAIGN_EVENTS)
    event = {"event_name": name, "event_code": code, "event_uuid": "ev-%s-%d" % (dice.hexadecimal(12), place),
             "event_time": SPAN_START + place, "event_type": "CAMPAIGN_EVENT", "event_source": "MOENGAGE",
             "event_attributes": campaign_attributes(dice, channel), "device_attributes": {}}
    person(dice, event)
    if to:
        event[to] = recipient(dice, to)
    if channel in ("Push", "Mobile In-Apps"):
        event["device_attributes"] = {"moengage_device_id": "md-%04d" % dice.below(1000)}
        event["event_attributes"].update(appVersion="3.1.0", sdkVersion="12.4.0", os="ANDROID")
    return event


def user_action(dice, place):
    """What came from Segment to MoEngage and must not go back."""
    event = campaign_event(dice, place)
    event.update(event_name="Order Completed", event_code="Order Completed", event_type="USER_ACTION_EVENT")
    return event


def malformed(place):
    return {"event_time": "yesterday", "event_type": "CAMPAIGN_EVENT", "event_attributes": ["at", place]}


def payload(count=20, seed=1):
    dice = Dice(seed)
    events = []
    for place in range(count):
        if place == MALFORMED_AT:
            events.append(malformed(place))
        else:
            events.append((user_action if place == USER_ACTION_AT else campaign_event)(dice, place))
    return {"app_name": "Lamp Shop", "source": "MOENGAGE", "moe_request_id": "rq-%s" % dice.hexadecimal(16),
            "events": events}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=20, help="events in the batch (20)")
    parser.add_argument("--seed", type=int, default=1, help="start of the dice (1)")
    parser.add_argument("--out", default="-", help="a file, or - for stdout (-)")
    options = parser.parse_args()
    text = json.dumps(payload(options.count, options.seed), separators=(",", ":"), ensure_ascii=False)
    if options.out == "-":
        sys.stdout.buffer.write(text.encode() + b"\n")
    else:
        with open(options.out, "w", encoding="utf-8", newline="\n") as out:
            out.write(text + "\n")


if __name__ == "__main__":
    main()
