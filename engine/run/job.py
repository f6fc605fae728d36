"""What can be checked before anything is started: the program against the policy (exit 3)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from engine.errors import PolicyError, SecurityError
from engine.policy import Policy, is_loopback

if TYPE_CHECKING:
    from engine.values import Type

FUNCTION = "main"
#: Begins the warning about a party that anybody on the network can pose as.
INSECURE = "INSECURE"


@dataclass(frozen=True)
class Job:
    """A policy with its checked program.

    ``declared``: types of the own constants that the program names; ``needed``: the same for every party;
    ``joins``: the own parameter goes straight into a join; ``schemas``: the type of each party's parameter.
    """

    policy: Policy
    program: Any
    declared: dict[str, Type]
    needed: dict[int, dict[str, Type]]
    joins: bool
    schemas: tuple[str, ...]

    @property
    def schema(self) -> str:
        """Type of the own parameter, as the program writes it."""
        return self.schemas[self.policy.party]


def prepare(policy: Policy) -> Job:
    """Type-check the program and hold it against the policy; raises GarbleError or PolicyError.

    The packages that the policy's databases and files need must be there.
    """
    from engine.data.drivers import require_drivers
    from engine.garble import check_program
    from engine.garble.types import show

    require_drivers(policy.input, policy.outputs if policy.receives_output else ())
    typed = check_program(policy.program.source, policy.program.filename)
    function = typed.function(FUNCTION)
    parties = len(policy.participants)
    _check_party_count(typed, function, parties)
    needed = _constants_by_party(typed, parties)
    declared = needed.get(policy.party, {})
    missing = [name for name in declared if name not in policy.constants]
    if missing:
        raise PolicyError(
            f"program needs PARTY_{policy.party}::{missing[0]} but constants has no '{missing[0]}'",
            [f"program needs PARTY_{policy.party}::{name} but constants has no '{name}'" for name in missing],
            f"add it to 'constants' in {policy.path.name}",
        )
    parameters = function.parameters
    schemas = tuple(show(parameters[p if p < len(parameters) else 0].type) for p in range(parties))
    joins = policy.party in typed.join_parameters(FUNCTION)
    return Job(policy, typed, declared, needed, joins, schemas)


def _check_party_count(typed: Any, function: Any, parties: int) -> None:
    count = typed.parties(FUNCTION)
    if not isinstance(count, int):
        return  # one array parameter whose size is a constant: known only after the constants are
    if count != parties:
        raise PolicyError(
            f"main takes {count} inputs but there are {parties} participants",
            hint="every participant gives one parameter of main, in order",
        )


def _constants_by_party(typed: Any, parties: int) -> dict[int, dict[str, Type]]:
    needed: dict[int, dict[str, Type]] = {}
    for (owner, name), type_ in typed.external_constants.items():
        number = owner.removeprefix("PARTY_")
        if not number.isdigit() or int(number) >= parties:
            raise PolicyError(
                f"program needs {owner}::{name}, but there is no such party",
                hint=f"the parties are PARTY_0 .. PARTY_{parties - 1}",
            )
        needed.setdefault(int(number), {})[name] = type_
    return needed


def check_transport(policy: Policy, address: str, allowed: bool) -> list[str]:
    """The rule for plain HTTP (service, 6.4): everything on loopback, or allowed by name.

    Returns warnings for the log; raises SecurityError (exit 5).
    """
    if policy.trust.tls is not None:
        return []
    secure = [number for number, url in enumerate(policy.participants) if urlsplit(url).scheme == "https"]
    if secure and not policy.trust.secrets:
        raise PolicyError(
            f"participants[{secure[0]}] uses https, which needs 'identities' and 'tls', or 'auth' behind a TLS proxy",
            hint="make a key with 'polytune keygen', and put the fingerprints of all parties under 'identities'",
        )
    outside = [
        f"participants[{index}] uses plain http outside loopback"
        for index, url in enumerate(policy.participants)
        if urlsplit(url).scheme == "http" and not is_loopback(url)
    ]
    if not ipaddress.ip_address(address).is_loopback:
        outside.append(f"the address {address} is open to other machines and plain http is not encrypted")
    if not outside:
        return []
    if policy.trust.secrets:
        return [
            f"{outside[0]}; 'auth' proves who sends a request but hides nothing: a TLS proxy must be before each party"
        ]
    if allowed:
        return [
            f"{INSECURE}: {outside[0]}; whoever is on the network can read and change messages, take part as any "
            "party, and learn what must stay secret"
        ]
    raise SecurityError(
        f"{outside[0]}; use https with identities, or --allow-insecure",
        "three ways out: certificates ('polytune keygen' and 'identities' in every policy), a shared secret "
        "('auth.psk') behind a TLS proxy, or, in a private test network only, --allow-insecure",
        code="insecure_transport",
    )
