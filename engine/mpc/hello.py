"""HELLO: equal parameters, session id, global keys (spec: protocol, sections 4.1 and 4.2)."""

from __future__ import annotations

import numpy as np

from engine.mpc.session import Session
from engine.oracle import MITC, PARAMS, RO, SID, same

VERSION = 1
KAPPA = 128


def parameter_hash(session: Session) -> bytes:
    """h of section 4.1: the same value for every party, or there is no session."""
    p = session.params
    numbers = (VERSION, p.parties, KAPPA, p.rho, p.w, p.k, p.fiat_shamir, p.bucket, p.layer, p.masks)
    return RO(PARAMS, *numbers, session.context, *session.identities)


def session_id(h: bytes, nonces: list[bytes]) -> bytes:
    """sid of section 4.1 from the parameter hash and the nonces in party order."""
    return RO(SID, h, *nonces)


def run(session: Session) -> None:
    """Exchange HELLO, derive sid and hash keys, sample the global key."""
    h = parameter_hash(session)
    nonce = session.random.bytes("hello/nonce", 32)
    views = session.broadcast("HELLO", h + nonce, 64)
    for peer in session.peers:
        equal = same(views[peer][:32], h)
        session.require(equal, "HELLO", "other protocol parameters or another agreement", peer)
    session.sid = session_id(h, [views[p][32:] for p in range(session.parties)])
    session.channel.bind(session.sid)
    session.hash_keys = [RO(MITC, session.sid, s)[:16] for s in range(session.parties)]
    session.delta[:] = global_key(session)


def global_key(session: Session) -> np.ndarray:
    """D_i: bit 0 is 1, bit 1 is 1 for the evaluator only (section 4.2)."""
    delta = session.random.blocks("delta", 1)[0]
    delta[0] = (delta[0] & ~np.uint64(3)) | np.uint64(3 if session.party == 0 else 1)
    return delta
