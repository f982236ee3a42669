#!/usr/bin/env python3
"""Writes realistic Segment messages, one JSON object a line; the same options give the same bytes.

    generate.py --count 1000 --seed 7 --users 50 --out events.ndjson
    generate.py --shape order --count 100000 > orders.ndjson

Every message carries `seq`, a number that is unique in the file and grows for every user: in properties, in
traits (identify, group), or in context (alias). Whatever takes the messages can be asked for loss, repetition
and order by it.

Shapes
  mixed   all six calls; known, anonymous and merged users; nested properties, product lists, unicode, escapes,
          64-bit and very long numbers
  order   track "Order Completed", about 900 bytes: the event of the benchmarks, 1000 different ones in turn
"""
import argparse
import json
import random
import re
import sys
import uuid

SPAN_START = 1704067200  # 2024-01-01, well in the past: services refuse events from the future
DISTINCT_ORDERS = 1000

CITIES = ["Pune", "Zürich", "São Paulo", "東京", "Kraków", "Nairobi", "Saint-Étienne"]
NAMES = ["Asha", "Björn", "Chloé", "Đorđe", "Ewa", "Farid", "Giulia", "ひろ", "Inês", "João 🦊"]
PLANS = ["free", "starter", "team", "enterprise"]
THINGS = ["Lamp", "Kettle", "Notebook", "Ticket", "Chair", "Umbrella", "Backpack", "Puzzle"]
FINISHES = ["Classic Edition", "Deluxe Edition", "Travel Size", "Second Hand", "Limited Series"]
DEEDS = ["Viewed", "Added", "Removed", "Shared", "Rated", "Lit"]
CATEGORIES = ["Home", "Travel", "Games", "Books"]
LOCALES = ["en-US", "en-IN", "de-CH", "pt-BR", "ja-JP"]
ZONES = ["Asia/Kolkata", "Europe/Zurich", "America/Sao_Paulo", "Asia/Tokyo"]
SYSTEMS = ["Windows NT 10.0; Win64; x64", "X11; Linux x86_64", "Macintosh; Intel Mac OS X 14_2"]
HARD_NUMBERS = ["9223372036854775807", "-9223372036854775808", "18446744073709551615",
                "0.12345678901234567890123456789", "1e+30", "2.50", "-0.0",
                "123456789012345678901234567890"]
HARD_TEXTS = ["tab\there", 'quote " and \\ backslash', "line\nbreak", "null\u0000byte", "\u2028 separator",
              "𝒻𝓊𝓁𝓁 width", "", "e\u0301 combined"]


class Dice:
    """Random choices from Random.random() alone, whose numbers no version of Python changes."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def below(self, end):
        return int(self._random.random() * end)

    def one_of(self, choices):
        return choices[self.below(len(choices))]

    def chance(self, share):
        return self._random.random() < share

    def price(self, low, high):
        return round(low + self._random.random() * (high - low), 2)

    def hexadecimal(self, digits):
        return "".join("0123456789abcdef"[self.below(16)] for _ in range(digits))

    def uuid(self):
        return str(uuid.UUID(hex=self.hexadecimal(32), version=4))


def exact(number_text):
    """A number that json.dumps() would round; put in as it is by to_line()."""
    return "<<%s>>" % number_text


def to_line(message):
    text = json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r'"<<([-+.0-9e]+)>>"', r"\1", text)


def iso(milliseconds):
    seconds, rest = divmod(milliseconds, 1000)
    days, second_of_day = divmod(seconds, 86400)
    year, month, day = civil(days)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (
        year, month, day, second_of_day // 3600, second_of_day // 60 % 60, second_of_day % 60, rest)


def civil(days):
    """Year, month and day of a number of days since 1970-01-01 (Gregorian, by eras of 400 years)."""
    days += 719468
    era, of_era = divmod(days, 146097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    day_of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return (year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1)


def product(dice):
    return {"product_id": dice.hexadecimal(24), "sku": "%05d-%02d" % (dice.below(100000), dice.below(100)),
            "name": "%s %s %s" % (dice.one_of(CITIES), dice.one_of(THINGS), dice.one_of(FINISHES)),
            "price": dice.price(3, 120), "quantity": 1 + dice.below(4), "category": dice.one_of(CATEGORIES)}


def user_agent(dice):
    return "Mozilla/5.0 (%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.%d.%d Safari/537.36" % (
        dice.one_of(SYSTEMS), 100 + dice.below(40), 4000 + dice.below(3000), dice.below(250))


def client_context(dice):
    return {"ip": "203.0.113.%d" % dice.below(256), "locale": dice.one_of(LOCALES),
            "timezone": dice.one_of(ZONES), "userAgent": user_agent(dice)}


# ---- shape order ----

def order_input(dice):
    items = [product(dice), product(dice)]
    revenue = round(sum(item["price"] * item["quantity"] for item in items), 2)
    properties = {"seq": None, "order_id": dice.hexadecimal(24),
                  "affiliation": dice.one_of(["Web", "Partner", "iOS App", "Android App"]),
                  "total": round(revenue + 6.25, 2), "revenue": revenue, "shipping": 4.25, "tax": 2.0,
                  "discount": dice.one_of([0, 1.5, 5]), "coupon": dice.one_of(["SPRING", "", "VIP10"]),
                  "currency": dice.one_of(["USD", "INR", "EUR"]), "products": items}
    return properties, client_context(dice)


def order_messages(count, seed, users):
    dice = Dice(seed)
    inputs = [order_input(dice) for _ in range(DISTINCT_ORDERS)]
    names = ["user-%08d" % (number * 48271 % 10 ** 8) for number in range(users)]
    for seq in range(count):
        properties, context = inputs[seq % DISTINCT_ORDERS]
        yield {"type": "track", "messageId": dice.uuid(), "timestamp": iso(SPAN_START * 1000 + seq),
               "userId": names[seq % users], "event": "Order Completed",
               "properties": dict(properties, seq=seq), "context": context}


# ---- shape mixed ----

class Person:
    """Somebody who may be known, anonymous, or anonymous until an identify."""

    def __init__(self, dice, number):
        self.user_id = "user-%06d" % number
        self.anonymous_id = dice.uuid()
        self.kind = "anonymous" if number % 10 == 9 else "both" if number % 10 == 8 else "known"

    def ids(self):
        if self.kind == "anonymous":
            return {"anonymousId": self.anonymous_id}
        if self.kind == "both":
            return {"userId": self.user_id, "anonymousId": self.anonymous_id}
        return {"userId": self.user_id}


def traits(dice, person, seq):
    return {"seq": seq, "firstName": dice.one_of(NAMES), "email": "%s@example.test" % person.user_id,
            "planType": dice.one_of(PLANS), "age": 18 + dice.below(60), "vip": dice.chance(0.2),
            "address": {"city": dice.one_of(CITIES), "postalCode": "%05d" % dice.below(100000)},
            "balance": exact(dice.one_of(HARD_NUMBERS)), "tags": [dice.one_of(CATEGORIES) for _ in range(3)]}


def plain_properties(dice, seq):
    return {"seq": seq, "colour": dice.one_of(["red", "blau", "緑"]), "watts": dice.below(100)}


def deep_properties(dice, seq):
    return {"seq": seq, "shopName": dice.one_of(CITIES), "note": dice.one_of(HARD_TEXTS),
            "position": {"aisle": dice.below(40),
                         "shelf": {"row": dice.below(9), "label": dice.one_of(NAMES)}},
            "bigNumber": exact(dice.one_of(HARD_NUMBERS)), "missing": None, "flags": [True, False],
            "sizes": [], "extra": {}}


def cart_properties(dice, seq):
    items = [product(dice) for _ in range(1 + dice.below(4))]
    return {"seq": seq, "order_id": dice.hexadecimal(24), "currency": "EUR", "products": items,
            "revenue": round(sum(item["price"] * item["quantity"] for item in items), 2)}


def track(dice, person, seq):
    properties = dice.one_of([plain_properties, deep_properties, cart_properties])(dice, seq)
    return dict(person.ids(), type="track", properties=properties,
                event="%s %s" % (dice.one_of(THINGS), dice.one_of(DEEDS)))


def page(dice, person, seq):
    message = dict(person.ids(), type="page", properties={
        "seq": seq, "url": "https://shop.example.test/%s?q=%d" % (dice.one_of(CATEGORIES), dice.below(999)),
        "title": dice.one_of(CITIES), "referrer": ""})
    if dice.chance(0.7):
        message.update(name=dice.one_of(CATEGORIES), category="Shop")
    return message


def screen(dice, person, seq):
    return dict(person.ids(), type="screen", name="%s Detail" % dice.one_of(THINGS),
                properties={"seq": seq, "fromBackground": dice.chance(0.5)})


def identify(dice, person, seq):
    return dict(person.ids(), type="identify", traits=traits(dice, person, seq))


def group(dice, person, seq):
    return dict(person.ids(), type="group", groupId="group-%d" % dice.below(20),
                traits={"seq": seq, "name": dice.one_of(CITIES), "employees": dice.below(500)})


def alias(dice, person, seq):
    return {"type": "alias", "userId": person.user_id, "previousId": person.anonymous_id,
            "context": {"seq": seq}}


CALLS = [track] * 12 + [identify] * 3 + [page] * 2 + [screen] * 2 + [group]


def context_of(dice, person):
    context = client_context(dice)
    if dice.chance(0.3):
        context["device"] = {"id": person.anonymous_id, "type": "android", "token": dice.hexadecimal(40)}
        context["app"] = {"name": "Shop", "version": "3.%d.0" % dice.below(9)}
        context["os"] = {"name": "Android", "version": "15"}
    return context


def mixed_message(dice, person, seq):
    call = alias if person.kind == "both" and dice.chance(0.1) else dice.one_of(CALLS)
    message = call(dice, person, seq)
    message["messageId"] = dice.uuid()
    message["timestamp"] = iso(SPAN_START * 1000 + seq * 137)
    message["context"] = dict(context_of(dice, person), **message.get("context", {}))
    if dice.chance(0.05):
        message["integrations"] = {"All": True, "Amplitude": {"session_id": exact("1704067200123456789")}}
    return message


def mixed_messages(count, seed, users):
    dice = Dice(seed)
    people = [Person(dice, number) for number in range(users)]
    for seq in range(count):
        yield mixed_message(dice, dice.one_of(people), seq)


# ---- both ----

SHAPES = {"mixed": (mixed_messages, 50), "order": (order_messages, DISTINCT_ORDERS)}


def lines(count, seed=1, users=None, shape="mixed"):
    """The messages as text, without line ends."""
    messages, default_users = SHAPES[shape]
    for message in messages(count, seed, users or default_users):
        yield to_line(message)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="messages to write (1000)")
    parser.add_argument("--seed", type=int, default=1, help="start of the dice (1)")
    parser.add_argument("--users", type=int, help="different users (mixed: 50, order: 1000)")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="mixed")
    parser.add_argument("--out", default="-", help="a file, or - for stdout (-)")
    options = parser.parse_args()
    out = sys.stdout if options.out == "-" else open(options.out, "w", encoding="utf-8", newline="\n")
    if out is sys.stdout:
        out.reconfigure(encoding="utf-8", newline="\n")
    with out:
        for line in lines(options.count, options.seed, options.users, options.shape):
            out.write(line + "\n")


if __name__ == "__main__":
    main()
