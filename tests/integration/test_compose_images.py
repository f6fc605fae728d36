"""The compose file and its two images, as far as they go without a container engine: the commands of the images run
here, word for word, in the order in which the compose file starts them; only addresses come from the environment."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from polytune_cli.datagen import people
from tests.integration.scene import ROOT, Process, free_ports

COMPOSE = ROOT / "compose"
SERVICES: dict[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text())["services"]
DATABASES = ("db0", "db1", "db_out")
PARTIES = ("party0", "party1")


def image(party: str) -> dict[str, Any]:
    """Instructions of a party's Dockerfile; ENV as a dictionary, ENTRYPOINT and CMD as lists."""
    build = SERVICES[party]["build"]
    assert (COMPOSE / build["context"]).resolve() == ROOT
    text = (ROOT / build["dockerfile"]).read_text()
    found: dict[str, Any] = {"ENV": {}, "RUN": []}
    for name, rest in re.findall(r"^([A-Z]+) (.+)$", text, re.MULTILINE):
        if name == "ENV":
            key, _, value = rest.partition("=")
            found["ENV"][key] = value
        elif name == "RUN":
            found["RUN"].append(rest)
        else:
            found[name] = json.loads(rest) if rest.startswith("[") else rest
    return found


def test_databases_have_ports_data_and_health_checks() -> None:
    ports = {name: SERVICES[name]["ports"] for name in DATABASES}
    assert ports == {"db0": ["127.0.0.1:5550:5432"], "db1": ["127.0.0.1:5551:3306"], "db_out": ["127.0.0.1:5555:5432"]}
    for name in DATABASES:
        service = SERVICES[name]
        assert service["restart"] == "always" and service["healthcheck"]["test"]
        assert "test" in service["environment"].values() and "profiles" not in service
        (volume,) = service["volumes"]
        assert (COMPOSE / volume.partition(":")[0]).is_file()
    assert SERVICES["adminer"]["profiles"] == ["adminer"] and SERVICES["adminer"]["ports"] == ["127.0.0.1:8080:8080"]


def test_contributor_starts_before_leader_and_both_after_their_databases() -> None:
    def before(party: str) -> set[str]:
        needs = SERVICES[party]["depends_on"]
        assert all(need == {"condition": "service_healthy"} for need in needs.values())
        return set(needs)

    assert before("party1") == {"db1"} and before("party0") == {"db0", "db_out", "party1"}
    assert "/ping" in " ".join(SERVICES["party1"]["healthcheck"]["test"])
    for number, party in enumerate(PARTIES):
        port = 8000 + number
        built = image(party)
        assert SERVICES[party]["profiles"] == ["parties"] and SERVICES[party]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert built["ENTRYPOINT"] == ["polytune"] and built["EXPOSE"] == str(port) and built["USER"] == "polytune"
        assert built["RUN"][-1].startswith("polytune warmup")
        mounted = {volume.split(":")[1]: COMPOSE / volume.split(":")[0] for volume in SERVICES[party]["volumes"]}
        assert all(path.exists() for path in mounted.values())
        assert f"{built['WORKDIR']}/policies" in mounted


@pytest.mark.servers
def test_the_commands_of_the_images_run_as_given(new_database: Any, tmp_path: Path) -> None:
    dataset = people(50, 1)
    databases = [new_database(kind) for kind in ("postgres", "mariadb", "postgres")]
    for name, database in zip(DATABASES, databases):
        database.script((COMPOSE / "seeds" / f"{name}.sql").read_text(encoding="utf-8"))
    # What the volumes mount into the working directory of the images.
    shutil.copytree(COMPOSE / "policies", tmp_path / "policies")
    shutil.copy(ROOT / "policies" / "care_by_area.garble.rs", tmp_path / "policies")
    ports = free_ports(2)
    addresses = {f"PARTY{party}_URL": f"http://localhost:{port}" for party, port in enumerate(ports)}
    addresses |= {f"{name.upper()}_URL": database.url for name, database in zip(DATABASES, databases)}
    started: list[Process] = []
    try:
        for number in (1, 0):  # the order of depends_on
            built = image(PARTIES[number])
            environment = {**built["ENV"], **addresses, "SOCKET_ADDRESS": f"0.0.0.0:{ports[number]}"}
            environment["XDG_STATE_HOME"] = str(tmp_path / "state")
            started.append(Process(tmp_path, PARTIES[number], built["CMD"], environment))
            if number:
                started[0].wait_for("Listening for connection attempts from other parties")
                assert (
                    f"listening on 0.0.0.0:{ports[1]}" in started[0].log and "WARN polytune: INSECURE" in started[0].log
                )
        assert started[1].end() == 0, started[1].log + started[1].errors
    finally:
        for process in started:
            process.stop()
    assert "MPC Output: 10 rows" in started[1].log
    assert [row[0] for row in databases[2].run("SELECT joined FROM results ORDER BY id")] == dataset.expected
