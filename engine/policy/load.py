"""Loading a policy file: all mistakes at once, each with its JSON path and line, values never shown."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine import redaction
from engine.errors import PolicyError
from engine.policy.checker import Checker, type_name
from engine.policy.confidential import confidential
from engine.policy.consent import read_consent
from engine.policy.databases import read_constants
from engine.policy.expand import Expanded, expand_tree, is_source
from engine.policy.inputs import read_input
from engine.policy.jsontext import Document, JsonError, parse
from engine.policy.model import EXTRA_BITS, KS, RHOS, WIDTHS, Limits, Policy, ProgramText, SecurityLevel, Timeouts
from engine.policy.outputs import OutputReader
from engine.policy.trust import KEYS as TRUST_KEYS
from engine.policy.trust import read_trust
from engine.policy.urls import normalise_participant

VERSION = 1
MAX_FILE = 64 << 20

KEYS = (
    "participants",
    "program",
    "program_sha256",
    "leader",
    "party",
    "input",
    "output",
    "constants",
    "version",
    "name",
    "output_parties",
    "evaluator",
    "allow_insecure",
    "limits",
    "timeouts",
    "security",
    "check_joins",
    "computation_id",
    "consent",
    *TRUST_KEYS,
)
LATER = ("proxy_auth",)


def load_policy(
    path: str | os.PathLike[str],
    environ: Mapping[str, str] | None = None,
    *,
    allow_unknown_keys: bool = False,
) -> Policy:
    """Read and check a policy file. Raises PolicyError that lists every mistake (``.problems``).

    ``environ`` (default: the process environment) gives the values of ``${NAME}``. Relative paths count from the folder
    of the policy file. The policy's secrets are registered (engine.redaction). ``allow_unknown_keys`` lets keys pass
    that nobody knows, at every depth.
    """
    file = Path(path)
    document = _read(file)
    check = Checker(document, allow_unknown_keys)
    for pointer, key, line in document.duplicates:
        check.problems.append((line, f"{pointer}: key '{key}' appears twice (line {line})"))
    if not isinstance(document.value, dict):
        check.problem("", f"expected object, got {type_name(document.value)}")
        raise _failure(file, check, ())
    expanded: Expanded = []
    root = expand_tree(
        document.value,
        os.environ if environ is None else environ,
        file.absolute().parent,
        check.problem,
        expanded,
    )
    secrets = tuple(sorted(confidential(root, expanded)))
    redaction.register(*secrets)
    reader = _Reader(file, check, root, secrets, os.environ if environ is None else environ)
    policy = reader.policy()
    if policy is None:
        raise _failure(file, check, [text for _, text in expanded])
    return policy


def _read(file: Path) -> Document:
    try:
        if file.stat().st_size > MAX_FILE:
            raise PolicyError(f"'{file}' is larger than 64 MiB", hint="a policy file is a small JSON file")
        data = file.read_bytes()
    except FileNotFoundError:
        raise PolicyError(f"Could not find '{file}', exiting...", hint="check the path after --config") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a valid path"
        raise PolicyError(f"Could not read '{file}': {reason}", hint="check the path and its permissions") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind a byte order mark; the user counts from the start of the file.
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        problem = f"not valid UTF-8 at byte {offset}"
        raise PolicyError(f"'{file}' has an invalid format: {problem}", [problem], "save the file as UTF-8") from None
    try:
        return parse(text, comments=file.suffix == ".jsonc")
    except JsonError as error:
        hint = "comments are allowed in files named .jsonc only" if _has_comment(text, error) else ""
        raise PolicyError(f"'{file}' has an invalid format: {error}", [str(error)], hint) from None


def _has_comment(text: str, error: JsonError) -> bool:
    lines = text.splitlines()
    return 0 < error.line <= len(lines) and lines[error.line - 1].lstrip().startswith("//")


def _failure(file: Path, check: Checker, expanded: Sequence[str]) -> PolicyError:
    """All mistakes as one error; what came out of variables is never shown."""
    lines = [redaction.clean(line) for line in check.lines()]
    for text in sorted(set(expanded), key=len, reverse=True):
        if len(text) >= redaction.SHORTEST:
            lines = [line.replace(text, redaction.MASK) for line in lines]
    if len(lines) == 1:
        text = f"'{file}' has an invalid format: {lines[0]}"
    else:
        text = f"'{file}' has an invalid format: {len(lines)} mistakes\n" + "\n".join(f"  {line}" for line in lines)
    return PolicyError(text, lines, "correct the policy file and start again")


class _Reader:
    """Reads the keys of one policy in turn; methods report to the checker and return a usable value."""

    def __init__(
        self,
        file: Path,
        check: Checker,
        root: dict[str, Any],
        secrets: tuple[str, ...],
        environ: Mapping[str, str],
    ) -> None:
        self.file = file
        self.base = file.absolute().parent
        self.check = check
        self.root = root
        self.secrets = secrets
        self.environ = environ

    def policy(self) -> Policy | None:
        check, root = self.check, self.root
        check.unknown("", root, (*KEYS, *LATER, "$schema"))
        check.not_yet("", root, LATER)
        version = self.version()
        participants = self.participants()
        parties = len(participants) if participants else 0
        leader = self.index("leader", parties)
        party = self.index("party", parties)
        output_parties = self.output_parties(parties, leader)
        program = self.program()
        read = read_input(check, root, self.base, self.secrets)
        outputs = OutputReader(check, self.base, self.secrets).read(root)
        check_joins = check.boolean(root, "", "check_joins", False)
        self.warn_about_output(party, output_parties)
        if check_joins and read is not None and read.allow_duplicates:
            self.check.warnings.append(
                "input.allow_duplicates lets equal join keys pass, but with check_joins they are a panic"
            )
        policy = Policy(
            path=self.file,
            participants=tuple(participants or ()),
            program=program or ProgramText("", "", ""),
            leader=leader or 0,
            party=party or 0,
            output_parties=output_parties,
            evaluator=self.index("evaluator", parties, 0) or 0,
            input=read,
            outputs=outputs,
            constants=read_constants(check, root),
            name=check.string(root, "", "name", "") or "",
            version=version,
            limits=self.limits(),
            timeouts=self.timeouts(),
            security=self.security(),
            allow_insecure=check.boolean(root, "", "allow_insecure", False),
            check_joins=check_joins,
            computation_id=self.computation_id(),
            trust=read_trust(check, root, self.environ, self.base, participants or (), party),
            consent=read_consent(check, root, parties, leader),
            warnings=tuple(check.warnings),
        )
        return None if check.problems else policy

    def version(self) -> int:
        version = self.check.integer(self.root, "", "version", VERSION)
        if version > VERSION:
            self.check.problem("/version", f"policy version {version} is newer than this polytune ({VERSION})")
        elif version < 1:
            self.check.problem("/version", "out of range (1 or more)")
        return int(version)

    def participants(self) -> list[str] | None:
        """Normalised URLs; None when their number cannot be trusted."""
        check = self.check
        raw = check.array(self.root, "", "participants")
        if raw is None:
            return None
        if len(raw) < 2:
            check.problem("/participants", f"at least 2 participants are needed, got {len(raw)}", "participants")
        if len(raw) > 255:
            check.problem("/participants", f"at most 255 participants are possible, got {len(raw)}", "participants")
        found: list[str] = []
        for number, url in enumerate(raw):
            place, label = f"/participants/{number}", f"participants[{number}]"
            if not isinstance(url, str):
                check.problem(place, f"expected string, got {type_name(url)}")
                found.append("")
                continue
            try:
                normal = normalise_participant(url)
            except ValueError as error:
                check.problem(place, str(error), label)
                normal = ""
            if normal and normal in found:
                check.sentence(place, f"{label} repeats participants[{found.index(normal)}]")
            found.append(normal)
        return found

    def index(self, key: str, parties: int, default: int | None = None) -> int | None:
        """A party number; None after a mistake."""
        if default is None:
            value = self.check.integer(self.root, "", key)
        else:
            value = self.check.integer(self.root, "", key, default)
        if value is None:
            return None
        if (value < 0 or value >= parties) and not (parties == 0 and value >= 0):
            self.not_a_party(f"/{key}", key, value, parties)
            return None
        return int(value)

    def not_a_party(self, pointer: str, label: str, value: int, parties: int) -> None:
        self.check.sentence(
            pointer, f"{label}: {value} is not a party (there are {parties} participants: 0..{parties - 1})"
        )

    def output_parties(self, parties: int, leader: int | None) -> tuple[int, ...]:
        check = self.check
        raw = check.array(self.root, "", "output_parties", None)
        if raw is None:
            return (leader or 0,)
        if not raw:
            check.problem("/output_parties", "at least one party must receive the result")
        found: list[int] = []
        for number, value in enumerate(raw):
            place = f"/output_parties/{number}"
            if isinstance(value, bool) or not isinstance(value, int):
                check.problem(place, f"expected integer, got {type_name(value)}")
            elif parties and not 0 <= value < parties:
                self.not_a_party(place, f"output_parties[{number}]", value, parties)
            elif value in found:
                check.problem(place, f"party {value} appears twice")
            else:
                found.append(value)
        return tuple(sorted(found))

    def program(self) -> ProgramText | None:
        value = self.root.get("program")
        if isinstance(value, dict):
            return self.program_object(value)
        text = self.check.string(self.root, "", "program")
        if text is None:
            return None
        if is_source(text):
            return self.pinned(ProgramText(text, "<inline>", _sha256(text.encode("utf-8", "surrogatepass"))))
        return self.program_file(text, "/program")

    def program_object(self, value: dict[str, Any]) -> ProgramText | None:
        self.check.unknown("/program", value, ("file", "source"))
        forms = [key for key in ("file", "source") if value.get(key) is not None]
        if len(forms) != 1:
            self.check.problem("/program", "expected exactly one of 'file' and 'source'")
            return None
        text = self.check.string(value, "/program", forms[0])
        if text is None:
            return None
        if forms[0] == "file":
            return self.program_file(text, "/program/file")
        return self.pinned(ProgramText(text, "<inline>", _sha256(text.encode("utf-8", "surrogatepass"))))

    def program_file(self, name: str, pointer: str) -> ProgramText | None:
        path = self.check.path(self.base, name, "program")
        try:
            if path.stat().st_size > MAX_FILE:
                self.check.problem(pointer, f'Could not load program "{name}": larger than 64 MiB')
                return None
            data = path.read_bytes()
            source = data.decode("utf-8")
        except UnicodeDecodeError as error:
            self.check.problem(pointer, f'Could not load program "{name}": not valid UTF-8 at byte {error.start}')
            return None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a valid path"
            self.check.problem(pointer, f'Could not load program "{name}": {reason.lower()}')
            return None
        return self.pinned(ProgramText(source, str(path), _sha256(data)))

    def pinned(self, program: ProgramText) -> ProgramText:
        pin = self.check.string(self.root, "", "program_sha256", None)
        if pin is None:
            return program
        wanted = pin.removeprefix("sha256:").lower()
        if re.fullmatch(r"[0-9a-f]{64}", wanted) is None:
            self.check.problem("/program_sha256", "expected 64 hexadecimal digits")
        elif wanted != program.sha256:
            self.check.problem("/program_sha256", f"the program has sha256 {program.sha256}, not the pinned one")
        return program

    def warn_about_output(self, party: int | None, output_parties: tuple[int, ...]) -> None:
        if party is None or not output_parties:
            return
        if self.root.get("output") is not None and party not in output_parties:
            self.check.warnings.append(f"output is ignored: party {party} receives no result")
        if self.root.get("output") is None and party in output_parties:
            self.check.warnings.append("No 'output' specified in the policy: the result will be dropped")

    def limits(self) -> Limits:
        value = self.check.table(self.root, "", "limits", {}) or {}
        names = [item.name for item in fields(Limits)]
        self.check.unknown("/limits", value, names)
        default = Limits()
        high = {"concurrent_runs": 1000, "connections": 65535, "rows": 2**31 - 1, "chunk": 16 << 20}
        low = {"chunk": 1 << 10, "control": 1 << 10, "window": 1 << 16, "message": 1 << 16}
        spool_dir = self.check.string(value, "/limits", "spool_dir", None)
        return Limits(
            spool_dir=None if spool_dir is None else self.check.path(self.base, spool_dir, "folder"),
            **{
                name: self.check.bounded(
                    value, "/limits", name, getattr(default, name), low.get(name, 1), high.get(name, 2**62)
                )
                for name in names
                if name != "spool_dir"
            },
        )

    def timeouts(self) -> Timeouts:
        value = self.check.table(self.root, "", "timeouts", {}) or {}
        names = [item.name for item in fields(Timeouts)]
        self.check.unknown("/timeouts", value, names)
        default = Timeouts()
        found = {name: self.check.seconds(value, "/timeouts", name, getattr(default, name)) for name in names}
        return Timeouts(**found)  # type: ignore[arg-type]

    def security(self) -> SecurityLevel:
        check = self.check
        value = check.table(self.root, "", "security", {}) or {}
        check.unknown("/security", value, ("rho", "w", "k"))
        rho = self.one_of(value, "rho", 40, RHOS)
        w = self.one_of(value, "w", 64 if rho == 40 else 128, WIDTHS)
        if rho is not None and w is not None and w < rho + EXTRA_BITS:
            check.problem("/security/w", f"must be at least rho + 6 = {rho + EXTRA_BITS}")
        return SecurityLevel(rho or 40, w or 64, self.one_of(value, "k", None, KS))

    def one_of(self, value: dict[str, Any], key: str, default: int | None, allowed: tuple[int, ...]) -> int | None:
        found = self.check.integer(value, "/security", key, default)
        if found is not None and found not in allowed:
            self.check.problem(f"/security/{key}", f"must be one of {', '.join(map(str, allowed))}")
            return default
        return None if found is None else int(found)

    def computation_id(self) -> str | None:
        text = self.check.string(self.root, "", "computation_id", None)
        if text is None:
            return None
        try:
            return str(uuid.UUID(text))
        except ValueError:
            self.check.problem("/computation_id", "expected a UUID")
            return None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
