"""The files of ``polytune init`` as texts; nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

#: Port of party 0; the others follow.
FIRST_PORT = 8000
PROGRAM = "care_by_area.garble.rs"
_KEY = "first_name || last_name || date_of_birth"


@dataclass(frozen=True)
class Role:
    """What a party brings: its name, its database in ``data/``, and the query."""

    name: str
    database: str
    query: str
    constants: tuple[tuple[str, str], ...] = ()

    @property
    def variable(self) -> str:
        """Name of the environment variable that replaces the database: ``CARE_OFFICE_DB``."""
        return self.name.upper().replace(" ", "_") + "_DB"


def roles(parties: int) -> list[Role]:
    """Two registers; every further party brings a threshold, of which the highest counts."""
    constants = (("ROWS", '{"rows": true}'), ("ID_LEN", '{"max_bytes": 0}'))
    found = [
        Role("town", "location", f"SELECT {_KEY}, area_city FROM location_town", constants),
        Role("care office", "disability", f"SELECT {_KEY}, care_level FROM disability", constants),
    ]
    for party in range(2, parties):
        name = "ministry" if parties == 3 else f"ministry {party}"
        found.append(Role(name, "threshold", "SELECT threshold FROM settings"))
    return found


def program(parties: int) -> str:
    """The program of the demo; from four parties on with one threshold for each party after the second."""
    folder = resources.files("polytune_cli.demo") / "programs"
    source = (folder / ("care_by_area.garble.rs" if parties == 2 else "threshold.garble.rs")).read_text("utf-8")
    if parties <= 3:
        return source
    names = [f"threshold{party}" for party in range(2, parties)]
    source = source.replace("for three parties: the third one brings", "each party after the second brings")
    source = source.replace("from which a person counts.", "from which a person counts; the highest is taken.")
    source = source.replace("    threshold: u8,\n", "".join(f"    {name}: u8,\n" for name in names))
    highest = "".join(f"    if {name} > threshold {{\n        threshold = {name};\n    }}\n" for name in names[1:])
    return source.replace("    let mut counts", f"    let mut threshold = {names[0]};\n{highest}    let mut counts", 1)


def policy(party: int, urls: Sequence[str], fingerprints: Sequence[str]) -> str:
    """The policy of a party with comments; ``fingerprints`` are those of all parties' certificates."""
    everybody = roles(len(urls))
    role = everybody[party]
    texts = {
        "PARTY": str(party),
        "FILE": policy_name(party),
        "NAME": role.name,
        "PARTICIPANTS": ",\n".join(f'    "${{{url_variable(p)}:-{url}}}"' for p, url in enumerate(urls)),
        "PROGRAM": PROGRAM,
        "ENV": role.variable.removesuffix("_DB"),
        "DATABASE": role.database,
        "QUERY": role.query,
        "CONSTANTS": ", ".join(f'"{name}": {value}' for name, value in role.constants),
        "IDENTITIES": ",\n".join(f'    "{text}"' for text in fingerprints),
        "OUTPUT": _OUTPUT if party == 0 else "",
    }
    return _filled("policy.jsonc", texts)


_OUTPUT = """,
  // Where the result goes, in one transaction: setup, then the query once for each row of the result.
  "output": {
    "db": "${RESULT_DB:-sqlite://data/results.sqlite}",
    "setup": "DELETE FROM results",
    "query": "INSERT INTO results (joined) VALUES ($1)"
  }"""


def policy_name(party: int) -> str:
    """File name of a policy."""
    return f"policy{party}.jsonc"


def url_variable(party: int) -> str:
    """Name of the environment variable that replaces a party's address."""
    return f"PARTY_{party}_URL"


def compose(parties: int) -> str:
    """The compose file: every party in a container of its own."""
    environment = {url_variable(p): f"https://party{p}:8000" for p in range(parties)}
    environment |= {role.variable: f"sqlite://data/{role.database}.sqlite" for role in roles(parties)}
    environment["RESULT_DB"] = "sqlite://data/results.sqlite"
    lines = [f"    {name}: ${{{name}:-{value}}}" for name, value in environment.items()]
    lines.append("    DB_PASSWORD: ${DB_PASSWORD:-}")
    services = []
    for party in range(parties):
        wait = ', "--wait-peers", "60"' if party == 0 else ""
        command = f'["serve", "--config", "/job/{policy_name(party)}", "--addr", "0.0.0.0", "--port", "8000"{wait}]'
        services.append(f"  party{party}:\n    <<: *party\n    command: {command}")
    return _filled("compose.yml", {"ENVIRONMENT": "\n".join(lines), "SERVICES": "\n".join(services)})


def env_example(urls: Sequence[str]) -> str:
    """The template of ``.env``."""
    databases = [f"#{role.variable}=postgres://user:password@host:5432/database" for role in roles(len(urls))]
    databases.append("#RESULT_DB=postgres://user:password@host:5432/database")
    texts = {
        "URLS": "\n".join(f"#{url_variable(p)}={url}" for p, url in enumerate(urls)),
        "DATABASES": "\n".join(dict.fromkeys(databases)),
    }
    return _filled("env.example", texts)


def _filled(name: str, texts: dict[str, str]) -> str:
    text = (resources.files("polytune_cli.init") / "templates" / name).read_text("utf-8")
    for key, value in texts.items():
        if not value:  # its line goes too
            text = text.replace(f"\n@{key}@\n", "\n")
        text = text.replace(f"@{key}@", value)
    return text
