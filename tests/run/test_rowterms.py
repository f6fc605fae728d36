"""What parties say about their texts; the key of hashed columns; how short a digest may be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data import encode_rows, read_snapshot
from engine.data.table import Rule
from engine.errors import ConsentMismatch, DataError
from engine.run.job import Job
from engine.run.own_input import encode_input
from engine.run.plain import read_all
from engine.run.rowterms import RowTerms, check_collisions, check_terms, hash_key, own_terms, parse_terms
from engine.sources import ColumnRule
from engine.values import ArrayType, IntType, TupleType, decode
from tests.run.test_own_input import job_of

PROGRAM = """
const ROWS: usize = PARTY_0::ROWS;
pub fn main(a: [([u8; 12], u8); ROWS], b: [([u8; 12], u8); 2]) -> usize {
    let mut n = 0usize;
    for joined in join_iter(a, b) { n = n + 1usize; }
    n
}
"""
RULES = {"0": {"as": "hash:12"}, "1": {"text": {"casefold": True}}}
ROWS = [["a text of more than twelve bytes", 1], ["b", 2]]
NONCES = ["0" * 64, "1" * 64]


def terms_of(job: Job) -> RowTerms:
    return own_terms(job, read_snapshot(job.policy, job.declared))


def digests(job: Job, key: bytes) -> Any:
    snapshot = read_snapshot(job.policy, job.declared)
    signature = job.program.signature("main", {"PARTY_0": snapshot.constants})
    return decode(signature.parameter_types[0], encode_input(job, signature, snapshot, key))


def test_terms_name_only_what_changes_texts(tmp_path: Path) -> None:
    terms = terms_of(job_of(tmp_path, {"rows": ROWS, "columns": RULES}, program=PROGRAM))
    assert terms.columns == {"0": {"as": "hash:12"}}
    assert len(terms.nonce) == 64
    assert parse_terms(json.loads(json.dumps(terms.to_json()))) == terms
    whole = {"rows": ROWS, "text": {"normalize": "NFKC", "casefold": True, "too_long": "truncate"}}
    again = terms_of(job_of(tmp_path, whole, program=PROGRAM))
    assert again.columns == {"0": {"normalize": "NFKC", "casefold": True}}
    assert again.nonce != terms.nonce


def test_fields_of_structs_are_named(tmp_path: Path) -> None:
    program = "struct P { name: [u8; 12], age: u8 }\npub fn main(a: [P; 2], b: u8) -> u8 { b }\n"
    rows = {"rows": [{"Name": "a", "age": 1}, {"Name": "b", "age": 1}], "text": {"casefold": True}}
    assert terms_of(job_of(tmp_path, rows, {}, program)).columns == {"name": {"casefold": True}}


def test_join_keys_must_be_made_alike(tmp_path: Path) -> None:
    job = job_of(tmp_path, {"rows": ROWS, "columns": RULES}, program=PROGRAM)
    mine = terms_of(job)
    alike = RowTerms(NONCES[0], {"0": {"as": "hash:12"}, "1": {"normalize": "NFC"}})
    assert check_terms(job, {0: mine, 1: alike}) == []
    for other in ({}, {"0": {"as": "hash:13"}}, {"0": {"as": "hash:12", "normalize": "NFC"}}, {"1": {"as": "hash:12"}}):
        with pytest.raises(ConsentMismatch, match="consent mismatch with party 1: join keys are made") as caught:
            check_terms(job, {0: mine, 1: RowTerms(NONCES[0], other)})
        assert caught.value.exit_code == 5
    with pytest.raises(ConsentMismatch, match="party 1: as they are"):
        check_terms(job, {0: mine, 1: RowTerms()})


def test_a_party_that_hashes_alone_is_warned(tmp_path: Path) -> None:
    program = "pub fn main(a: [([u8; 12], u8); 2], b: u8) -> u8 { b }\n"
    job = job_of(tmp_path, {"rows": ROWS, "columns": RULES}, {}, program)
    assert check_terms(job, {0: terms_of(job), 1: RowTerms()}) == [
        "only party 0 hashes a column: its digests equal nothing that another party has"
    ]


def test_the_key_is_that_of_the_run(tmp_path: Path) -> None:
    policy = job_of(tmp_path, {"rows": ROWS}, program=PROGRAM).policy
    terms = {party: RowTerms(nonce) for party, nonce in enumerate(NONCES)}
    key = hash_key(policy, "run", terms)
    assert len(key) == 32
    assert key == hash_key(replace(policy, party=1, name="other"), "run", dict(reversed(terms.items())))
    others = [
        hash_key(policy, "other run", terms),
        hash_key(replace(policy, leader=1), "run", terms),
        hash_key(policy, "run", {**terms, 1: RowTerms("2" * 64)}),
        hash_key(policy, "run", {0: terms[1], 1: terms[0]}),
    ]
    assert len({key, *others}) == 5


def test_equal_texts_have_equal_digests_under_one_key_only(tmp_path: Path) -> None:
    job = job_of(tmp_path, {"rows": ROWS, "columns": RULES}, program=PROGRAM)
    first, again, other = (digests(job, key * 32) for key in (b"k", b"k", b"j"))
    assert first == again
    assert not {bytes(row[0]) for row in first} & {bytes(row[0]) for row in other}
    assert {row[1] for row in first} == {1, 2}
    assert [bytes(row[0]) for row in first] == sorted(bytes(row[0]) for row in first)


def test_all_parties_in_one_process_hash_alike(tmp_path: Path) -> None:
    one = job_of(tmp_path, {"rows": ROWS, "columns": RULES}, program=PROGRAM)
    rows = [["nobody", 1], ["a text of more than twelve bytes", 9]]
    for columns, result in ((RULES, 1), ({}, None)):
        spec = job_of(tmp_path, {"rows": rows, "columns": columns}, program=PROGRAM).policy.input
        other = replace(one, policy=replace(one.policy, party=1, input=spec, constants={}), declared={})
        both = read_all([one, other])
        if result is None:
            with pytest.raises(ConsentMismatch, match="join keys are made from texts in different ways"):
                both.evaluate()
        else:
            assert str(both.evaluate().value) == str(result)


def test_the_type_must_have_the_length_of_the_digest(tmp_path: Path) -> None:
    job = job_of(tmp_path, {"rows": ROWS, "columns": {"0": {"as": "hash:16"}}}, program=PROGRAM)
    with pytest.raises(DataError, match=r'"as": "hash:16" makes \[u8; 16\], the program has \[u8; 12\]'):
        digests(job, b"")
    numbers = job_of(tmp_path, {"rows": [[1, 2]], "columns": {"0": {"as": "hash:12"}}}, program=PROGRAM)
    with pytest.raises(DataError, match=r"cannot become \[u8; 12\]; CAST"):
        digests(numbers, b"")


def test_digests_of_zero_bytes_and_binary(tmp_path: Path) -> None:
    from engine.data.rows import table_of

    parameter = ArrayType(ArrayType(IntType("u8"), 8), 3)
    rule = Rule(ColumnRule("hash", 8))
    values = [("a",), ("a\0",), ("",)]
    texts = encode_rows(table_of([("c", "text")], values), parameter, parameter_name="p", rules=[rule], key=b"k")
    octets = [(value.encode(),) for (value,) in values]
    binary = encode_rows(table_of([("c", "bytes")], octets), parameter, parameter_name="p", rules=[rule], key=b"k")
    assert (texts.bits == binary.bits).all()
    assert len({bytes(item) for item in decode(parameter, texts.bits)}) == 3


@given(rows=st.integers(1, 2**32), size=st.integers(8, 32))
def test_collisions_are_bounded(rows: int, size: int) -> None:
    parameters = [ArrayType(TupleType((IntType("u8"),)), rows - rows // 2), ArrayType(IntType("u8"), rows // 2)]
    rule = Rule(ColumnRule("hash", size))
    if rows * rows * 2**40 <= 2 ** (8 * size + 1):
        check_collisions([Rule(), rule], parameters)
        return
    with pytest.raises(DataError) as caught:
        check_collisions([Rule(), rule], parameters)
    assert caught.value.message.startswith(f'column 2: "as": "hash:{size}" is too short for {rows} rows of all parties')
    enough = int(caught.value.hint.partition("hash:")[2].partition('"')[0])
    assert rows * rows * 2**40 <= 2 ** (8 * enough + 1) and rows * rows * 2**40 > 2 ** (8 * enough - 7)


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {"nonce": "0" * 64},
        {"nonce": "0" * 63, "columns": {}},
        {"nonce": "G" * 64, "columns": {}},
        {"nonce": "0" * 64, "columns": []},
        {"nonce": "0" * 64, "columns": {"0": "hash:12"}},
        {"nonce": "0" * 64, "columns": {"0": {"as": 12}}},
        {"nonce": "0" * 64, "columns": {"0": {"as": "x" * 21}}},
        {"nonce": "0" * 64, "columns": {"0": {"casefold": 1}}},
        {"nonce": "0" * 64, "columns": {"0": {"other": "x"}}},
        {"nonce": "0" * 64, "columns": {"x" * 201: {}}},
        {"nonce": "0" * 64, "columns": {str(n): {} for n in range(1001)}},
    ],
)
def test_malformed_terms_of_a_peer(raw: Any) -> None:
    with pytest.raises(ValueError, match="rows"):
        parse_terms(raw)
