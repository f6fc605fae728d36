"""The shipped policies against real servers, with only the addresses changed: from rows to the written result."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.data import encode_rows, read_snapshot
from engine.errors import DataError
from engine.policy import load_policy
from engine.values import ArrayType, decode
from polytune_cli.datagen import people, spoil, sql_script
from tests.data.data_helpers import U8, U16, USIZE, check_output, rows_of, text, write_output

POLICIES = Path(__file__).parent.parent.parent / "policies"
DECLARED = {"ROWS": USIZE, "ID_LEN": USIZE}
PORTS = {"5550": "db0", "5551": "db1", "5555": "db_out"}


def adapted(name: str, folder: Path, databases: dict[str, Any], replace: tuple[str, str] = ("", "")) -> Path:
    """The policy with the databases of the compose file replaced by those of the test."""
    shutil.copytree(POLICIES, folder, dirs_exist_ok=True)
    path = folder / name
    policy = json.loads(path.read_text().replace(*replace) if replace[0] else path.read_text())
    for section in ("input", "output"):
        if section in policy:
            port = policy[section]["db"].rpartition(":")[2].partition("/")[0]
            policy[section]["db"] = databases[PORTS[port]].url
    path.write_text(json.dumps(policy))
    return path


@pytest.fixture
def compose(new_database: Any) -> dict[str, Any]:
    data = people(50, 11)
    databases = {"db0": new_database("postgres"), "db1": new_database("mariadb"), "db_out": new_database("postgres")}
    databases["db0"].script(sql_script(data, "postgres", ["location_town"]))
    databases["db1"].script(sql_script(data, "mysql", ["disability"]))
    databases["db_out"].script(sql_script(data, "postgres", ["results", "settings"]))
    return {**databases, "data": data}


def records(path: Path) -> tuple[Any, dict[bytes, int]]:
    """The policy, and what its input bits hold: key -> number."""
    policy = load_policy(path)
    found = read_snapshot(policy, DECLARED)
    parameter = rows_of(text(int(found.constants["ID_LEN"])), U8, size=int(found.constants["ROWS"]))
    encoded = encode_rows(found.rows, parameter, parameter_name="p", joins=True, database_kind=found.kind)
    assert encoded.sorted
    return policy, {bytes(key).rstrip(b"\0"): number for key, number in decode(parameter, encoded.bits)}


@pytest.mark.servers
def test_two_parties(compose: dict[str, Any], tmp_path: Path) -> None:
    policy, areas = records(adapted("policy0.json", tmp_path, compose))
    _, levels = records(adapted("policy1.json", tmp_path, compose))
    counts = [0] * 10
    for key, level in levels.items():
        if key in areas and level >= 4:
            counts[areas[key]] += 1
    assert counts == compose["data"].expected
    result = ArrayType(U16, 10)
    for _ in range(2):
        check_output(policy.outputs[0], result)
        assert write_output(policy.outputs[0], result, counts, "run", tmp_path) == 10
    assert compose["db_out"].run("SELECT id, joined FROM results ORDER BY id") == list(enumerate(counts, 11))


@pytest.mark.servers
def test_the_third_party(compose: dict[str, Any], tmp_path: Path) -> None:
    policy = load_policy(adapted("threshold/policy2.json", tmp_path, compose))
    found = read_snapshot(policy, {})
    assert decode(U8, encode_rows(found.rows, U8, parameter_name="threshold").bits) == 4
    for party in (0, 1):
        records(adapted(f"threshold/policy{party}.json", tmp_path, compose))


@pytest.mark.servers
def test_length_in_characters_is_found_out(compose: dict[str, Any], tmp_path: Path) -> None:
    """LENGTH() as in the original policies: too short for names outside ASCII, never cut."""
    compose["db0"].run("UPDATE location_town SET first_name = 'ééééééééééééé' WHERE id = 3")
    path = adapted("policy0.json", tmp_path, compose, ("OCTET_LENGTH", "LENGTH"))
    with pytest.raises(DataError) as caught:
        records(path)
    assert "bytes, [u8; " in caught.value.message
    assert "LENGTH() counts characters on PostgreSQL; use OCTET_LENGTH()" in caught.value.hint
    assert "é" not in caught.value.message


@pytest.mark.servers
def test_people_who_appear_twice(compose: dict[str, Any], tmp_path: Path) -> None:
    bad = spoil(compose["data"], duplicates=3)
    compose["db0"].script(sql_script(bad, "postgres", ["location_town"]))
    with pytest.raises(DataError, match="1 join key occurs more than once") as caught:
        records(adapted("policy0.json", tmp_path, compose))
    assert "(rows 48, 49, 50)" in caught.value.message
