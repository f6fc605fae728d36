"""From a policy to what secures its links: key files are read and checked here, when a party starts."""

from __future__ import annotations

from engine.errors import SecurityError
from engine.policy import Policy
from engine.transport.certificates import load_credentials
from engine.transport.security import Security


def open_security(policy: Policy) -> Security:
    """What secures the links of a party that follows ``policy``.

    Raises ResourceError (exit 6) for key files that cannot be used, SecurityError (exit 5) when the own certificate is
    expired or is not the one that the policy names.
    """
    trust, party = policy.trust, policy.party
    credentials = None
    if trust.tls is not None:
        credentials = load_credentials(trust.tls.cert, trust.tls.key)
        if credentials.fingerprint not in trust.identities[party]:
            raise SecurityError(
                f"identities[{party}] does not name the own certificate, {credentials.fingerprint}",
                f"put it there in the policies of all parties, or name another one under 'tls' ({trust.tls.cert})",
                code="identity_mismatch",
            )
    return Security(
        party,
        trust.identities,
        credentials,
        trust.secrets,
        min_version=trust.tls.min_version if trust.tls is not None else "1.3",
        handshake=policy.timeouts.tls,
    )
