"""Names of people who do not exist: syllables put together by a seeded generator."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_STARTS = (
    "Al", "Be", "Ca", "Da", "El", "Fe", "Ga", "Ha", "Is", "Jo", "Ka", "La", "Ma", "Ne", "Or", "Pa",
    "Ra", "Sa", "Te", "Ul", "Va", "Wi", "Yo", "Za",
)  # fmt: skip
_MIDDLES = ["ba", "co", "di", "fa", "lo", "mi", "na", "po", "ra", "se", "ta", "vi"]
_ENDS = ["a", "an", "el", "en", "ia", "in", "is", "o", "on", "ra", "us"]
_ROOTS = (
    "Ber", "Dor", "Fal", "Gro", "Hol", "Kel", "Lin", "Mar", "Nor", "Ost", "Pel", "Rod", "Sel", "Tor",
    "Wal", "Zim",
)  # fmt: skip
_LINKS = ["a", "e", "i", "o", "en", "er"]
_TAILS = ["berg", "dal", "feld", "ham", "ler", "man", "ner", "ris", "son", "ston", "vik"]
_ACCENTS = {"a": "á", "e": "é", "i": "í", "o": "ö", "u": "ü", "n": "ñ", "s": "š", "c": "ç"}

#: Share of people with letters outside ASCII, so that bytes and characters differ.
ACCENTED = 0.10


Item = TypeVar("Item")


def pick(random: random.Random, items: Sequence[Item]) -> Item:
    """One of the items; five times as fast as ``choice`` and the same in all versions of Python."""
    return items[int(random.random() * len(items))]


def first_name(random: random.Random) -> str:
    """A given name of 3 to 6 letters."""
    middle = pick(random, _MIDDLES) if random.random() < 0.5 else ""
    return pick(random, _STARTS) + middle + pick(random, _ENDS)


def last_name(random: random.Random) -> str:
    """A family name of 6 to 9 letters."""
    return pick(random, _ROOTS) + pick(random, _LINKS) + pick(random, _TAILS)


def accented(name: str) -> str:
    """The name with its last letter that can carry an accent changed; every such letter takes two bytes."""
    for place in range(len(name) - 1, 0, -1):
        if name[place] in _ACCENTS:
            return name[:place] + _ACCENTS[name[place]] + name[place + 1 :]
    return name + "é"


def birth_date(random: random.Random) -> str:
    """A date of 1930 to 2015 as MM/DD/YYYY."""
    month, day, year = 1 + int(random.random() * 12), 1 + int(random.random() * 28), 1930 + int(random.random() * 86)
    return f"{month:02}/{day:02}/{year}"
