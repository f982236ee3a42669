#!/usr/bin/env python3
"""The strict scanner beside Python's json: the same verdict on every document, but for what is documented.

    scanner.py [--count 1000000] [--seed 7]

Half of the documents are valid, half are such with bytes changed, cut or doubled. Python takes more than the
scanner on purpose: equal keys, more than 64 levels, NaN and Infinity, numbers that overflow a double, lone
surrogates. Every other difference is a failure, as is a compact form that means something else.
"""
import argparse
import json
import math
import os
import random
import re
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SEGMO_BUILD", ROOT / "build/release"))
DEPTH_MAX = 64
REFUSED = 0xFFFFFFFF
AT_ONCE = 5000
SURROGATE = re.compile("[\ud800-\udfff]")


class Constant(Exception):
    """NaN or Infinity."""


class Refusal(Exception):
    """Documented: the scanner refuses what Python takes; says why."""


# ---- documents -----------------------------------------------------------------------------------

KEYS = ["a", "b", "userId", "type", "", "é", "日本", "a\\u0062", "\\u0061", "x\\ny", "k" * 40, "\\ud83d\\ude00"]
TEXTS = ["", "x", "Order Completed", "é", "日本語", "\U0001f98a", "\\n\\t\\\"\\\\\\/", "\\u0000", "\\ud83d\\ude00",
         "\\ud800", "\\udc00x", "\\u00e9", "\x7f", "a" * 70]
NUMBERS = ["0", "-0", "1", "-17", "9007199254740993", "1.5", "-0.0", "1e3", "1E+2", "2e-7", "0.1e1", "1e308", "1.7976931348623157e308",
           "1.8e308", "1e309", "-1e400", "1e-400", "123456789012345678901234567890", "9" * 310, "1" + "0" * 308, "0." + "0" * 400 + "1"]
WORDS = ["true", "false", "null", "NaN", "Infinity", "-Infinity"]
BLANKS = ["", "", "", "", " ", "\n", "\t ", "\r\n"]
ODD = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e", b"u", b"\x00", b"\x1f", b"\x7f", b"\xc0", b"\xed\xa0\x80",
       b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\xc2\xa0", b"\xe2\x80\xa8", b"/", b"'", b"nul", b"\x0b", b"+", b"1e", b"\\u12"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def document(self):
        text = self.blank() + self.value(0) + self.blank()
        data = text.encode("utf-8", "surrogatepass")
        return data if self.random.random() < 0.5 else self.damaged(data)

    def blank(self):
        return self.random.choice(BLANKS)

    def number(self):
        if self.random.random() < 0.5:
            return self.random.choice(NUMBERS)
        return repr(self.random.uniform(-1, 1) * 10 ** self.random.randint(-20, 20))

    def scalar(self):
        kind = self.random.random()
        if kind < 0.4:
            return f'"{self.random.choice(TEXTS)}"'
        if kind < 0.8:
            return self.number()
        return self.random.choice(WORDS[:3] if kind < 0.98 else WORDS)

    def value(self, depth):
        kind = self.random.random()
        if depth == 0 and kind < 0.02:
            levels = self.random.randint(60, 70)
            return "[" * levels + self.scalar() + "]" * levels
        if depth > 6 or kind < 0.4:
            return self.scalar()
        count = self.random.randint(0, 4 if kind < 0.98 else 40)
        if kind < 0.7:
            parts = [self.blank() + self.value(depth + 1) + self.blank() for _ in range(count)]
            return f"[{','.join(parts) or self.blank()}]"
        return f"{{{','.join(self.member(depth, count) for _ in range(count)) or self.blank()}}}"

    def member(self, depth, count):
        key = self.random.choice(KEYS) if count < 4 and self.random.random() < 0.5 else f"k{self.random.randint(0, 5000)}"
        return f'{self.blank()}"{key}"{self.blank()}:{self.blank()}{self.value(depth + 1)}'

    def damaged(self, data):
        data = bytearray(data)
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randint(0, len(data))
            kind = self.random.random()
            if kind < 0.4:
                data[at:at] = self.random.choice(ODD)
            elif kind < 0.6:
                data[at:at + 1] = bytes((self.random.randrange(256),))
            elif kind < 0.8:
                del data[at:at + self.random.randint(1, 4)]
            elif kind < 0.9:
                del data[at:]
            else:
                data[at:at] = data[at:at + self.random.randint(1, 12)]
        return bytes(data)


# ---- Python's opinion ----------------------------------------------------------------------------

def refuse_constant(name):
    raise Constant(name)


def number_text(text):
    if math.isinf(float(text)):
        raise Refusal("a number that overflows")
    return ("number", text)


def members(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise Refusal("equal keys")
    return dict(pairs)


DECODER = json.JSONDecoder(object_pairs_hook=members, parse_float=number_text, parse_int=number_text,
                           parse_constant=refuse_constant)


def check_values(value, depth):
    """Raises for what only the whole shows: too many levels, lone surrogates."""
    if isinstance(value, (dict, list)):
        if depth == DEPTH_MAX:
            raise Refusal("more than 64 levels")
        if isinstance(value, dict):
            for key in value:
                check_values(key, depth)
        for each in value.values() if isinstance(value, dict) else value:
            check_values(each, depth + 1)
    elif isinstance(value, str) and SURROGATE.search(value):
        raise Refusal("a lone surrogate")


def opinion(data):
    """("accepted", value), ("documented", why) or ("refused", None)."""
    try:
        value = DECODER.decode(data.decode("utf-8"))
        check_values(value, 0)
        return "accepted", value
    except Refusal as refusal:
        return "documented", str(refusal)
    except Constant:
        return "documented", "NaN or Infinity"
    except (ValueError, RecursionError):
        return "refused", None


# ---- the scanner's -------------------------------------------------------------------------------

def scan(documents):
    """The compact form of each document, None for one that is refused."""
    sent = b"".join(struct.pack("<I", len(document)) + document for document in documents)
    ran = subprocess.run([BUILD / "differential/scan"], input=sent, capture_output=True, check=True)
    at, found = 0, []
    while at < len(ran.stdout):
        (length,) = struct.unpack_from("<I", ran.stdout, at)
        at += 4
        if length == REFUSED:
            found.append(None)
        else:
            found.append(ran.stdout[at:at + length])
            at += length
    assert len(found) == len(documents)
    return found


def difference(document, compact):
    """None, or words; and what kind of document it was."""
    verdict, value = opinion(document)
    if (verdict == "accepted") != (compact is not None):
        return f"the scanner {'refuses' if compact is None else 'accepts'} it, Python: {verdict} {value or ''}", verdict
    if compact is not None and opinion(compact) != (verdict, value):
        return "its compact form means something else", verdict
    return None, value if verdict == "documented" else verdict


def compare(count, seed):
    """Counts of documents by kind, and the documents on which the two differ with the words."""
    generator, kinds, differences = Generator(seed), Counter(), []
    while count > 0:
        documents = [generator.document() for _ in range(min(count, AT_ONCE))]
        count -= len(documents)
        for document, compact in zip(documents, scan(documents)):
            words, kind = difference(document, compact)
            kinds[kind] += 1
            if words:
                differences.append((document, words))
    return kinds, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    sys.setrecursionlimit(10000)
    kinds, differences = compare(options.count, options.seed)
    for document, words in differences[:20]:
        print(f"{words}:\n  {document!r}")
    print(f"{options.count:,} documents (seed {options.seed}): " +
          ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common()))
    print(f"{len(differences)} undocumented differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
