"""The longest messages: none of an honest run is longer, and one that claims more is refused by its header."""

from __future__ import annotations

import numpy as np
import pytest

from engine.circuit.bench import and_chain
from engine.errors import MalformedMessage
from engine.mpc import simulate
from engine.mpc.lengths import longest_messages
from engine.mpc.parameters import parameters_for
from engine.mpc.protocol import default_width
from engine.transport import memory_channels
from engine.transport.frame import BROADCAST, PHASES, Header, pack

from .support import recorded

#: Messages that every run has, with their full length.
ALWAYS = {"HELLO", "GGM", "COT_D", "LEAKY_G", "OPEN_BUCKET", "EXEC", "OPEN_BEAVER", "ROWS", "LABELS", "LAM", "T", "OK"}


@pytest.mark.parametrize("parties, fiat_shamir", [(2, 0), (2, 1), (3, 0)])
def test_no_message_of_a_run_is_longer(parties: int, fiat_shamir: int) -> None:
    circuit, segment = and_chain(300, parties, 1), 128
    channels, log = recorded(parties)
    inputs = [np.ones(128, np.uint8)] * parties
    simulate(circuit, inputs, range(parties), channels=channels, segment=segment, fiat_shamir=fiat_shamir)
    params = parameters_for(parties, circuit.and_gates, circuit.inputs, w=default_width(40), fiat_shamir=fiat_shamir)
    longest = longest_messages(params, circuit, segment)
    assert longest.keys() == {*PHASES, *(f"{label}/echo" for label in BROADCAST)}
    seen: dict[str, int] = {}
    for header, _ in log:
        seen[header.label] = max(seen.get(header.label, 0), header.length)
    assert {label: size for label, size in seen.items() if size > longest[label]} == {}
    assert {label: longest[label] for label in ALWAYS} == {label: seen[label] for label in ALWAYS}


@pytest.mark.parametrize(
    "change, check",
    [
        ({"length": 1 << 31}, "length 2147483648, but at most 16 bytes"),
        ({"sender": 0}, "wrong sender or receiver"),
        ({"tag": b"stranger"}, "message of another session"),
    ],
)
def test_an_impossible_frame_is_refused_before_anybody_asks_for_it(change: dict[str, object], check: str) -> None:
    channel = memory_channels(2)[0]
    channel.bind(b"session!" + bytes(24))
    channel.expect_at_most({"T": 16, "ROWS": 1000})
    fields = {"label": "T", "sender": 1, "receiver": 0, "a": 9, "b": 0, "tag": b"session!", "length": 16}
    good = Header(**fields)
    channel.inbox.feed(1, pack(good) + bytes(16))
    with pytest.raises(MalformedMessage, match=check):
        channel.inbox.feed(1, pack(Header(**{**fields, "a": 10, **change})))
    assert isinstance(channel.inbox.error, MalformedMessage) and channel.inbox.error.party == 1
