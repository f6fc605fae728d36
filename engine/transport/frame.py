"""The frame: header of 40 bytes, then the payload (spec: protocol, section 3.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import MalformedMessage

MAGIC = b"APG1"
VERSION = 1
HEADER_BYTES = 40
ECHO_FLAG = 0x8000
#: No message of the protocol is longer; a header that says more is refused before anything is allocated.
MAX_PAYLOAD = 1 << 32

_HEADER = struct.Struct("<4sHHHHIQ8sQ")

#: Message names and phase ids of section 3.2; an echo has the id + 0x8000 and the name + "/echo".
PHASES = {
    "ABORT": 0x01,
    "HELLO": 0x10,
    "BASEOT": 0x11,
    "GGM": 0x12,
    "COINPAGE": 0x13,
    "COT_D": 0x20,
    "COIN_COT": 0x21,
    "COT_X": 0x22,
    "COT_V": 0x23,
    "DCHK1": 0x30,
    "DCHK2": 0x31,
    "DCHK3": 0x32,
    "LEAKY_G": 0x40,
    "LEAKY_S": 0x41,
    "COIN_LEAKY": 0x42,
    "ZT_C": 0x43,
    "COIN_ZT": 0x44,
    "ZT_COM": 0x45,
    "ZT_OPEN": 0x46,
    "ZT_HASH": 0x47,
    "OPEN_BUCKET": 0x50,
    "EXEC": 0x60,
    "OPEN_BEAVER": 0x61,
    "ROWS": 0x62,
    "INSHARE": 0x70,
    "MASKED": 0x71,
    "LABELS": 0x72,
    "LAM": 0x73,
    "T": 0x74,
    "OK": 0x75,
    "OUTPUT": 0x76,
}
#: Messages that are broadcast: for three and more parties each has an echo.
BROADCAST = ("HELLO", "COINPAGE", "COT_X", "DCHK1", "DCHK2", "DCHK3", "EXEC", "MASKED")
#: Part of a run to which a message counts in the statistics.
PART = {
    **dict.fromkeys(("ABORT", "HELLO", "BASEOT", "GGM", "COINPAGE", "DCHK1", "DCHK2", "DCHK3"), "setup"),
    **dict.fromkeys(("COT_D", "COIN_COT", "COT_X", "COT_V", "LEAKY_G", "LEAKY_S", "COIN_LEAKY"), "preprocess"),
    **dict.fromkeys(("ZT_C", "COIN_ZT", "ZT_COM", "ZT_OPEN", "ZT_HASH", "OPEN_BUCKET"), "preprocess"),
    **dict.fromkeys(("EXEC", "OPEN_BEAVER", "ROWS"), "garble"),
    **dict.fromkeys(("INSHARE", "MASKED", "LABELS", "LAM", "T", "OK", "OUTPUT"), "online"),
}
_IDS = {**PHASES, **{f"{name}/echo": PHASES[name] | ECHO_FLAG for name in BROADCAST}}
_NAMES = {number: name for name, number in _IDS.items()}
_ABORT = PHASES["ABORT"].to_bytes(2, "little")


@dataclass(frozen=True)
class Header:
    """A decoded header; ``label`` is the message name, ``a`` and ``b`` as section 3.2 says."""

    label: str
    sender: int
    receiver: int
    a: int
    b: int
    tag: bytes
    length: int


def part_of(label: str) -> str:
    """setup, preprocess, garble or online: where a message (or its echo) counts."""
    return PART[label.removesuffix("/echo")]


def phase_id(label: str) -> int:
    """The phase id of a message name; KeyError for a name that is not in the table."""
    return _IDS[label]


def pack(header: Header) -> bytes:
    """The 40 header bytes."""
    return _HEADER.pack(
        MAGIC,
        VERSION,
        _IDS[header.label],
        header.sender,
        header.receiver,
        header.b,
        header.a,
        header.tag,
        header.length,
    )


def is_abort(header: bytes) -> bool:
    """Whether these are the header bytes of an ABORT."""
    return header[6:8] == _ABORT


def unpack(data: bytes | bytearray | memoryview) -> Header:
    """Decode and check magic, version, phase and length; raises MalformedMessage."""
    magic, version, phase, sender, receiver, b, a, tag, length = _HEADER.unpack(data)
    if magic != MAGIC:
        raise MalformedMessage("frame", "not a protocol frame (wrong magic)")
    if version != VERSION:
        raise MalformedMessage("frame", f"frame version {version}, this is {VERSION}")
    if phase not in _NAMES:
        raise MalformedMessage("frame", f"unknown phase id 0x{phase:04x}")
    label = _NAMES[phase]
    if length > MAX_PAYLOAD:
        raise MalformedMessage(label, "payload length beyond the limit")
    return Header(label, sender, receiver, a, b, tag, length)


OTHER_PARTY, OTHER_SESSION = "wrong sender or receiver", "message of another session"
#: What a frame is compared with when it is asked for, in this order.
_CHECKS: tuple[tuple[Callable[[Header], object], str], ...] = (
    (lambda h: (h.sender, h.receiver), OTHER_PARTY),
    (lambda h: h.tag, OTHER_SESSION),
)


def difference(header: Header, expected: Header) -> str:
    """Why a frame is not the one that was asked for; empty when it is."""
    for part, text in _CHECKS:
        if part(header) != part(expected):
            return text
    if header.length != expected.length:
        return f"length {header.length} instead of {expected.length} bytes"
    return ""
