"""Changes to sound input, drawn from a seed: of bytes, of text, and of values such as decoded JSON."""

import copy
import json
import math
import random
import re
from typing import Any

DEEP, DIGITS = "@deep@", "@digits@"
"""Stand in a value for what Python's own writer of JSON refuses: lists 3,000 deep, and a number of 5,000 digits."""

NASTY_TEXT = [
    "", " ", "\0", "\x1b[2J", "\u202eabc", "\ud800", "\ufeff", "=1+1", "@x", "$x_{$", "{name}", "%s%n", "../../etc/passwd",
    "/etc/passwd", "C:\\x", "a" * 100_000, "NaN", "-inf", "1e999", "0x10", "²", "١٢", "1_000", "null", "true", "[", "{", "]",
    "&a [*a, *a]", "<!DOCTYPE x>", "&lt;", "'", '"', "\\", "\n", "\r\n", ",,,", "http://[bad", "javascript:alert(1)", "💥",
]  # fmt: skip
NASTY_NUMBERS = [
    0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**40, 10**400, -0.0, 0.5, 1e-46,
    1e-320, 3.5e38, 1e300, 1.7e308, math.inf, -math.inf, math.nan,
]  # fmt: skip
NASTY: list[Any] = [
    *NASTY_TEXT,
    *NASTY_NUMBERS,
    None,
    True,
    False,
    [],
    {},
    [[]],
    [[[]]],
    {"": {}},
    [None] * 5,
    DEEP,
    DIGITS,
]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


def mutated_value(rng: random.Random, value: Any) -> Any:
    """Return the value with one to four of its parts replaced, left out, doubled or exchanged."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 4))):
        holder, key = rng.choice(list(_places([value])))
        match rng.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(rng.choice(NASTY))
            case 3 if isinstance(holder, dict):
                del holder[key]
            case 4 if isinstance(holder, list):
                holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
            case _:
                other, other_key = rng.choice(list(_places([value])))
                holder[key] = copy.deepcopy(other[other_key])
    return value


def _places(value: Any) -> Any:
    """Yield each list or dictionary within a value, with each of its keys."""
    if isinstance(value, list | dict):
        for key in range(len(value)) if isinstance(value, list) else list(value):
            if not (isinstance(value, list) and len(value) == 1 and value[0] is value):
                yield value, key
                yield from _places(value[key])


def as_json(value: Any) -> bytes:
    """Return a value as JSON, NaN and half surrogate pairs included."""
    text = json.dumps(value).replace(f'"{DEEP}"', "[" * 3000 + "]" * 3000).replace(f'"{DIGITS}"', "9" * 5000)
    return text.encode()


def mutated_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one to five changes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(len(changed) + 1)
        end = min(len(changed), at + rng.choice((1, 2, 4, 8, 50, 1000)))
        match rng.randrange(9):
            case 0 | 1 if at < len(changed):
                changed[at] ^= 1 << rng.randrange(8)
            case 2 if at < len(changed):
                changed[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 3:
                del changed[at:end]
            case 4:
                changed[at:at] = changed[at:end]
            case 5:
                changed[at:at] = rng.randbytes(rng.choice((1, 4, 100)))
            case 6:
                changed[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\1\0\0\0"))
            case 7:
                del changed[at:]
            case _:
                changed[at:at] = rng.choice(NASTY_TEXT).encode(errors="surrogatepass")
    return bytes(changed)


def mutated_text(rng: random.Random, data: bytes) -> bytes:
    """Return text with numbers, words or lines changed, and at times its bytes."""
    if rng.random() < 0.3:
        return mutated_bytes(rng, data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        lines = data.split(b"\n")
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        nasty = str(rng.choice((*NASTY_TEXT, *(n for n in NASTY_NUMBERS if n != 10**400), "9" * 400, "[" * 3000)))
        word = nasty.encode(errors="surrogatepass")
        match rng.randrange(6):
            case 0 | 1 if numbers := list(NUMBER.finditer(data)):
                found = rng.choice(numbers)
                data = data[: found.start()] + word + data[found.end() :]
                continue
            case 2:
                words = lines[at].split(b" ")
                words[rng.randrange(len(words))] = word
                lines[at] = b" ".join(words)
            case 3:
                lines[at] = lines[other]
            case 4:
                del lines[at]
            case _:
                lines.insert(at, word)
        data = b"\n".join(lines)
    return data
