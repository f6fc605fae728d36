"""Two registers of people with a known overlap, and the answer that a plain join gives."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from polytune_cli.datagen import names

AREAS = 10
CARE_LEVELS = (1, 5)
CARE_THRESHOLD = 4

Person = tuple[str, str, str]
"""First name, last name, date of birth."""

Row = tuple[int, str | None, str, str, int]
"""id, first name, last name, date of birth, and area (location) or care level (disability)."""


@dataclass(frozen=True)
class Dataset:
    """``location`` and ``disability`` rows in table order, and per area the expected count.

    ``threshold`` is the smallest care level that counts; in the variant for three parties the third one
    brings it.
    """

    location: tuple[Row, ...]
    disability: tuple[Row, ...]
    expected: list[int]
    threshold: int = CARE_THRESHOLD


def people(rows: int, seed: int, overlap: float = 0.8) -> Dataset:
    """``rows`` people on each side of whom a share ``overlap`` is on both. ValueError for impossible
    arguments.
    """
    if rows < 1:
        raise ValueError("at least one row is needed")
    if not 0.0 <= overlap <= 1.0:
        raise ValueError("overlap is a share from 0 to 1")
    source = random.Random(f"polytune-data-{seed}")
    shared = round(rows * overlap)
    everybody = _distinct(2 * rows - shared, source)
    both, rest = everybody[:shared], everybody[shared:]
    here, there = rest[: rows - shared], rest[rows - shared :]
    location = _register(both + here, 0, AREAS - 1, source)
    disability = _register(both + there, *CARE_LEVELS, source)
    return Dataset(location, disability, expected(location, disability, CARE_THRESHOLD))


def people_with_threshold(rows: int, seed: int, overlap: float = 0.8) -> Dataset:
    """The same registers for three parties: the third one brings the threshold, drawn from 2 to 5."""
    data = people(rows, seed, overlap)
    threshold = random.Random(f"polytune-threshold-{seed}").randint(2, CARE_LEVELS[1])
    return replace(data, threshold=threshold, expected=expected(data.location, data.disability, threshold))


def expected(location: Iterable[Row], disability: Iterable[Row], threshold: int) -> list[int]:
    """The plain join: people in both registers with at least this care level, counted per area."""
    levels = {_key(row): row[4] for row in disability}
    counts = [0] * AREAS
    for row in location:
        level = levels.get(_key(row))
        if level is not None and level >= threshold:
            counts[row[4]] += 1
    return counts


def spoil(dataset: Dataset, *, duplicates: int = 0, nulls: int = 0, long_names: int = 0) -> Dataset:
    """Location rows made faulty for tests: repeated people, missing first names, very long last names.

    The last rows are changed, each by one fault; ``expected`` stays what the clean rows give.
    """
    rows = list(dataset.location)
    if duplicates + nulls + long_names > len(rows) or (duplicates and duplicates >= len(rows)):
        raise ValueError("more faults than rows")
    places = iter(range(len(rows) - 1, -1, -1))
    for _ in range(duplicates):
        place = next(places)
        rows[place] = (rows[place][0], *rows[0][1:4], rows[place][4])
    for _ in range(nulls):
        place = next(places)
        rows[place] = (rows[place][0], None, *rows[place][2:])
    for _ in range(long_names):
        place = next(places)
        row = rows[place]
        rows[place] = (row[0], row[1], row[2] + "-" + "lang" * 20, row[3], row[4])
    return replace(dataset, location=tuple(rows))


def _key(row: Row) -> str:
    return f"{row[1]}{row[2]}{row[3]}"


def _distinct(count: int, source: random.Random) -> list[Person]:
    """People whose keys (names and date put together) differ."""
    found: dict[str, Person] = {}
    while len(found) < count:
        first, last, born = names.first_name(source), names.last_name(source), names.birth_date(source)
        if source.random() < names.ACCENTED:
            first = names.accented(first)
        found.setdefault(first + last + born, (first, last, born))
    return list(found.values())


def _register(members: list[Person], low: int, high: int, source: random.Random) -> tuple[Row, ...]:
    """Rows in random order with ids in another random order."""
    members = members[:]
    source.shuffle(members)
    ids = list(range(1, len(members) + 1))
    source.shuffle(ids)
    return tuple(
        (number, *person, low + int(source.random() * (high + 1 - low))) for number, person in zip(ids, members)
    )
