"""Names, limits and error codes of the HTTP protocol between parties (spec: service, section 5.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROTOCOL = 1
PROTOCOL_HEADER = "X-Polytune-Protocol"
RUN_HEADER = "X-Polytune-Run"
FROM_HEADER = "X-Polytune-From"
SEQ_HEADER = "X-Polytune-Seq"
CHUNK_HEADER = "X-Polytune-Chunk"
LENGTH_HEADER = "X-Polytune-Length"
DIGEST_HEADER = "X-Polytune-Digest"

#: Kinds of body: a piece of one message, several small messages, an ABORT that overtakes what waits.
PIECE_TYPE = "application/octet-stream"
BATCH_TYPE = "application/x-polytune-batch"
ABORT_TYPE = "application/x-polytune-abort"

CHUNK = 4 << 20
#: Largest chunk that a receiver takes from anybody.
MAX_CHUNK = 16 << 20
#: Frames up to this size travel together in one request; larger ones travel alone, cut into chunks.
SMALL = 64 << 10
WINDOW = 64 << 20
#: Unread bytes of one sender that no wait of the protocol may exceed.
MOST = 1 << 30
#: A chunk may arrive this many places before its turn.
AHEAD = 8
#: Digests of acknowledged chunks that are remembered for each sender.
REMEMBERED = 64
MAX_MESSAGE = (4 << 30) + 64
MAX_CONTROL_BODY = 1 << 20
#: Objects and arrays inside one another in such a body.
MOST_LEVELS = 16
#: Bytes of one request that measures the link, and how many of them a run takes from one peer.
MAX_PROBE = 256 << 10
MAX_PROBES = 16

#: A body came with other bytes than were sent: an ApiError ``bad_request`` with this in its details. Such a request is
#: sent again; after so many times in a row it is no accident.
CHANGED = {"digest": "mismatch"}
MOST_CHANGED = 5

STATUS = {
    "bad_request": 400,
    "unauthenticated": 401,
    "identity_mismatch": 403,
    "not_allowed": 403,
    "not_found": 404,
    "unknown_run": 404,
    "method_not_allowed": 405,
    "wrong_state": 409,
    "out_of_order": 409,
    "replay_mismatch": 409,
    "program_mismatch": 409,
    "participants_mismatch": 409,
    "consent_mismatch": 409,
    "run_over": 410,
    "too_large": 413,
    "protocol_version": 426,
    "rate_limited": 429,
    "internal": 500,
    "busy": 503,
    "backpressure": 503,
}

#: A peer does not believe that we are who we say.
NOT_TRUSTED = frozenset(("unauthenticated", "identity_mismatch"))


class ApiError(Exception):
    """A request that is refused: ``code`` of :data:`STATUS`, an English message without private data, details."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.status = STATUS[code]
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON object of the reply."""
        return {"error": self.code, "message": self.message, "details": self.details}


def parse_object(data: bytes | bytearray) -> dict[str, Any] | None:
    """The JSON object of a request or an answer; None for anything else, and when it is nested beyond all sense.

    The levels are counted before parsing: while a thread of this process compiles, the interpreter's own limit is so
    high that a deep document would overflow the stack and end the process.
    """
    if data.count(b"[") + data.count(b"{") > MOST_LEVELS:
        level = 0
        for found in _STRING_OR_BRACKET.finditer(data):  # one by one: a list of them would be many times the body
            level += _STEP.get(found[0], 0)
            if level > MOST_LEVELS:
                return None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class ChunkHead:
    """The headers of one ``POST /msg``: chunk ``seq`` of this direction, ``size`` bytes with SHA-256 ``digest``.

    It is place ``part`` of ``parts`` of a message of ``message_length`` bytes, or a ``batch`` of whole small messages.
    """

    seq: int
    size: int
    digest: str
    message_length: int
    part: int = 0
    parts: int = 1
    batch: bool = False


def check_digest(announced: str, found: str, **details: Any) -> None:
    """Raises ApiError ``bad_request`` (see :data:`CHANGED`) when a body is not what its sender had."""
    if announced.removeprefix("sha256:") != found:
        raise ApiError("bad_request", "the body does not match its digest", **CHANGED, **details)


#: Possessive, so that a long string needs no stack for going back.
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{\]}]', re.DOTALL)
_STEP = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_NUMBER = re.compile(r"\d{1,18}\Z")
_PLACE = re.compile(r"(\d{1,9})/(\d{1,9})\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_RUN = re.compile(r"[0-9a-zA-Z-]{1,64}\Z")


def _number(headers: Mapping[str, str], name: str) -> int:
    text = headers.get(name, "")
    if not _NUMBER.match(text):
        raise ApiError("bad_request", f"{name} is missing or not a number")
    return int(text)


def parse_peer(headers: Mapping[str, str], parties: int) -> tuple[str, int]:
    """(run id, sender) of a peer request; raises ApiError for another protocol version or a party that is none."""
    version = headers.get(PROTOCOL_HEADER)
    if version != str(PROTOCOL):
        raise ApiError(
            "protocol_version",
            f"peer speaks protocol {version[:20] if version else 'of another program'}, this is {PROTOCOL}; "
            "run the same version of polytune on all sides",
        )
    run = headers.get(RUN_HEADER, "")
    if not _RUN.match(run):
        raise ApiError("bad_request", f"{RUN_HEADER} is missing or malformed")
    sender = _number(headers, FROM_HEADER)
    if sender >= parties:
        raise ApiError("bad_request", f"{FROM_HEADER}: there is no party {sender} (0..{parties - 1})")
    return run, sender


def parse_chunk(headers: Mapping[str, str], size: int | None) -> ChunkHead:
    """The chunk headers; ``size`` is the body's announced length, checked here before anything is read."""
    if size is None:
        raise ApiError("bad_request", "a message needs a Content-Length")
    if size > MAX_CHUNK:
        raise ApiError("too_large", f"a chunk has at most {MAX_CHUNK} bytes, this one {size}", limit=MAX_CHUNK)
    length = _number(headers, LENGTH_HEADER)
    if length > MAX_MESSAGE or length < size:
        raise ApiError("bad_request", f"{LENGTH_HEADER} is out of range")
    digest = headers.get(DIGEST_HEADER, "").removeprefix("sha256:")
    if not _DIGEST.match(digest):
        raise ApiError("bad_request", f"{DIGEST_HEADER} is missing or malformed")
    seq = _number(headers, SEQ_HEADER)
    place = _PLACE.match(headers.get(CHUNK_HEADER, "0/1"))
    part, parts = map(int, place.groups()) if place else (0, 0)
    if part >= parts or part > seq:
        raise ApiError("bad_request", f"{CHUNK_HEADER} is malformed")
    return ChunkHead(seq, size, digest, length, part, parts, headers.get("Content-Type") == BATCH_TYPE)
