"""Inputs other than databases, and hashed join keys, between real processes."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.integration.scene import TERMINATE, Scene

Make = Callable[..., Scene]
JOIN = """
const A: usize = PARTY_0::ROWS;
const B: usize = PARTY_1::ROWS;
pub fn main(a: [([u8; 12], u8); A], b: [([u8; 12], u8); B]) -> u8 {
    let mut found = 0u8;
    for (x, y) in join_iter(a, b) { found += x.1 * y.1; }
    found
}
"""
LONG = "a name that is much longer than twelve bytes, "
RULES = {"as": "hash:12", "text": {"normalize": "NFC", "casefold": True}}


def test_hashed_keys_of_any_length_from_files(scene: Make) -> None:
    place = scene(((1,), (1,)), JOIN)
    names = [f"{LONG}Zo\u00eb", f"{LONG}Bob", f"{LONG}Ann", "x"]
    lines = [f'"{name}",{number}' for number, name in enumerate(names, 1)]
    (place.folder / "people.csv").write_text("\n".join(["name,weight", *lines]))
    rows = [{"NAME": name.upper().replace("\u00cb", "E\u0308"), "weight": 10} for name in (names[2], names[0], "other")]
    (place.folder / "people.jsonl").write_text("\n".join(map(json.dumps, rows)))
    constants = {"ROWS": {"rows": True}}
    place.change(0, input={"file": "people.csv", "columns": {"name": RULES}}, constants=constants)

    bare = {"file": "people.jsonl", "columns": {"name": {**RULES, "as": "hash:12", "text": {"normalize": "NFC"}}}}
    place.change(1, input=bare, constants=constants)
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 5, leader.log + leader.errors
    reason = "(party 0: column 0 hash:12 normalize NFC casefold; party 1: column 0 hash:12 normalize NFC)"
    assert f"join keys are made from texts in different ways {reason}" in leader.log + leader.errors
    contributor.wait_for("Listening for connection attempts from other parties", 2)
    assert "consent mismatch" in contributor.log
    contributor.signal(TERMINATE)
    contributor.end()
    assert place.results == [999]

    place.change(1, input={"file": "people.jsonl", "columns": [RULES]})
    contributor = place.start(1)
    leader = place.start(0)
    assert leader.end() == 0, leader.log + leader.errors
    assert place.results == [(1 + 3) * 10]
    text = leader.log + contributor.log
    assert "sorted 4 rows by join key of 'a'" in text and "3 rows from" in text
    assert not any(word.lower() in text.lower() for word in (LONG, "bob"))
