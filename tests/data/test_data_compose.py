"""The compose files fit the policies and the generator."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from polytune_cli.datagen import people, sql_script

ROOT = Path(__file__).parent.parent.parent
COMPOSE = ROOT / "compose"
TEXT = (COMPOSE / "docker-compose.yml").read_text()


@pytest.mark.parametrize(
    ("name", "kind", "tables"),
    [
        ("db0", "postgres", ["location_town"]),
        ("db1", "mysql", ["disability"]),
        ("db_out", "postgres", ["results", "settings"]),
    ],
)
def test_seeds_are_made_by_the_generator(name: str, kind: str, tables: list[str]) -> None:
    seed = (COMPOSE / "seeds" / f"{name}.sql").read_text(encoding="utf-8")
    assert seed == sql_script(people(50, 1), kind, tables)
    assert f"./seeds/{name}.sql:/docker-entrypoint-initdb.d/" in TEXT


def test_the_expected_result_is_named() -> None:
    assert str(people(50, 1).expected) in TEXT


def test_ports_are_those_of_the_policies() -> None:
    ports = set(re.findall(r"127\.0\.0\.1:(\d+):\d+", TEXT))
    policies = "".join((ROOT / "policies" / f"policy{party}.json").read_text() for party in (0, 1))
    assert set(re.findall(r"@localhost:(\d+)/", policies)) <= ports


@pytest.mark.parametrize("party", [0, 1])
def test_policies_differ_by_their_addresses_only(party: int) -> None:
    plain = re.compile(r"(?<=[@/])(?:localhost|party\d|db_out|db\d):\d+")
    inside = (COMPOSE / "policies" / f"policy{party}.json").read_text()
    outside = (ROOT / "policies" / f"policy{party}.json").read_text()
    assert plain.sub("HOST", re.sub(r"\$\{\w+:-(.*?)\}", r"\1", inside)) == plain.sub("HOST", outside)
    assert "localhost" not in inside
