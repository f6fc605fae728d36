"""The routes between parties (spec: service, section 5.2) as a Flask application over a :class:`PeerService`.

Every error is a JSON object ``{"error", "message", "details"}``; a fault of ours is ``internal`` without a traceback.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from flask import Flask, Request, Response, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

from engine.errors import MalformedMessage
from engine.transport.frame import HEADER_BYTES
from engine.transport.http.client import chunk_seconds
from engine.transport.http.receiver import Receiver
from engine.transport.http.wire import (
    ABORT_TYPE,
    DIGEST_HEADER,
    MAX_CHUNK,
    MAX_CONTROL_BODY,
    MAX_PROBE,
    ApiError,
    check_digest,
    parse_chunk,
    parse_object,
    parse_peer,
)
from polytune_cli.server.connection import TIMEOUT
from polytune_cli.server.guard import Guard
from polytune_cli.server.listener import ANSWER_METER, CONNECTION, REQUEST

log = logging.getLogger("polytune")

#: A request may be held this long while the window is full or while this party is not there yet.
HOLD = 5.0
#: Routes whose answers are worth a line of the log.
CONTROL = ("/run/", "/consts/", "/sync/", "/abort/")
#: A body is read and hashed in parts of this size.
PART = 1 << 20
Answer = tuple[int, dict[str, Any]]
GUARD = "GUARD"
#: Of somebody unknown a body that was refused is read and thrown away up to this size.
UNREAD = 64 << 10


class PeerService(Protocol):
    """What stands behind the routes. Methods raise ApiError to refuse."""

    parties: int

    def version(self) -> dict[str, Any]:
        """The object of ``GET /version``."""

    def receiver(self, run_id: str, sender: int) -> Receiver:
        """Where messages of ``sender`` in that run go."""

    def answer_meter(self, run_id: str, sender: int) -> Callable[[int], None] | None:
        """Counts the bytes of our answers to ``sender``."""

    def probe(self, run_id: str, sender: int) -> None:
        """Whether ``sender`` may measure its link to this party once more."""

    def control(self, name: str, run_id: str, sender: int, body: dict[str, Any]) -> Answer:
        """One of run, consts, sync, abort: status and JSON object of the answer."""


def create_app(service: PeerService, guard: Guard | None = None) -> Flask:
    """The application; no state but ``service`` and its ``guard`` (None: everybody is who they say)."""
    app = Flask("polytune", static_folder=None)
    app.url_map.strict_slashes = False
    app.config[GUARD] = guard

    @app.get("/ping")
    def ping() -> Response:
        return Response("pong", mimetype="text/plain")

    @app.get("/version")
    def version() -> Response:
        return jsonify(service.version())

    @app.post("/msg/<int:party>")
    def message(party: int) -> Response:
        return _message(service, party)

    @app.get("/msg/<int:party>")
    def resume(party: int) -> Response:
        run_id, sender = _peer(service, party)
        return jsonify(next=service.receiver(run_id, sender).next(sender))

    @app.post("/probe/<int:party>")
    def probe(party: int) -> Response:
        return _probe(service, party)

    @app.post("/consts/<int:party>")
    def consts(party: int) -> Response:
        return _control(service, "consts", party)

    @app.post("/run", endpoint="run")
    @app.post("/sync", endpoint="sync")
    @app.post("/abort", endpoint="abort")
    def control() -> Response:
        return _control(service, str(request.endpoint), None)

    answer_errors(app)
    return app


def answer_errors(app: Flask) -> None:
    """Errors become JSON objects, and requests lines in the log."""
    app.register_error_handler(ApiError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)
    app.before_request(_start)
    app.after_request(_close_if_unread)
    app.after_request(_log_access)


# -- routes ----------------------------------------------------------------------------------------------------------


def _headers() -> Mapping[str, str]:
    # Werkzeug's headers are not a Mapping by type, but have the one method that counts here.
    return cast(Mapping[str, str], request.headers)


def _peer(service: PeerService, path_party: int | None) -> tuple[str, int]:
    run_id, sender = parse_peer(_headers(), service.parties)
    if path_party is not None and path_party != sender:
        raise ApiError("identity_mismatch", f"the path says party {path_party}, the header party {sender}")
    guard: Guard | None = current_app.config[GUARD]
    if guard is not None:
        guard.check(request, request.environ.get(CONNECTION), sender)
    request.environ[ANSWER_METER] = service.answer_meter(run_id, sender)
    return run_id, sender


def _message(service: PeerService, party: int) -> Response:
    run_id, sender = _peer(service, party)
    receiver = service.receiver(run_id, sender)
    if request.mimetype == ABORT_TYPE:
        return _overtaking_abort(receiver, sender)
    head = parse_chunk(_headers(), request.content_length)
    connection = request.environ.get(CONNECTION)
    slot = receiver.begin(sender, head, HOLD, lambda: _break(connection))
    if slot is None:
        _discard_body(request)
        following = receiver.next(sender)
    else:
        try:
            digest = read_body(request, slot.view)
        except BaseException:
            receiver.abandon(slot)
            raise
        following = receiver.commit(slot, digest)
    if connection is not None:
        connection.busy = True
    return jsonify(next=following, window=receiver.free(sender))


def _overtaking_abort(receiver: Receiver, sender: int) -> Response:
    body = request.stream.read(HEADER_BYTES + 3) if (request.content_length or 0) <= HEADER_BYTES + 2 else b""
    _check_digest(hashlib.sha256(body).hexdigest())
    try:
        receiver.inbox.abort(sender, body)
    except MalformedMessage as error:
        raise ApiError("bad_request", f"malformed message: {error.check}") from None
    return jsonify({})


def _break(connection: Any) -> None:
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.socket.shutdown(socket.SHUT_RDWR)


def _probe(service: PeerService, party: int) -> Response:
    """Takes some bytes as it would those of a message, and forgets them: the sender measures how long that takes."""
    run_id, sender = _peer(service, party)
    size = _body_size(MAX_PROBE)
    service.probe(run_id, sender)
    _check_digest(read_body(request, memoryview(bytearray(size))))
    return jsonify({})


def _check_digest(found: str) -> None:
    """Hold a body against the digest header, where there is one; where requests are signed there must be."""
    guard: Guard | None = current_app.config[GUARD]
    if DIGEST_HEADER in request.headers or (guard is not None and guard.signed):
        check_digest(request.headers.get(DIGEST_HEADER, ""), found)


def _body_size(most: int) -> int:
    size = request.content_length
    if size is None:
        raise ApiError("bad_request", "a request needs a Content-Length")
    if size > most:
        raise ApiError("too_large", f"the body has at most {most} bytes, this one {size}", limit=most)
    return size


def _control(service: PeerService, name: str, path_party: int | None) -> Response:
    run_id, sender = _peer(service, path_party)
    _body_size(MAX_CONTROL_BODY)
    data = request.get_data(cache=False)
    _check_digest(hashlib.sha256(data).hexdigest())
    body = _json_object(data)
    if body.get("run_id", run_id) != run_id:
        raise ApiError("bad_request", "run_id of the body and of the header differ")
    status, answer = service.control(name, run_id, sender, body)
    response = jsonify(answer)
    response.status_code = status
    return response


def _json_object(data: bytes) -> dict[str, Any]:
    body = parse_object(data)
    if body is None:
        raise ApiError("bad_request", "the body must be a JSON object")
    return body


# -- bodies ----------------------------------------------------------------------------------------------------------


def read_body(incoming: Request, view: memoryview) -> str:
    """Fill ``view`` with the body, without a copy where the server allows it; returns the SHA-256 in hexadecimal."""
    size = view.nbytes
    connection = incoming.environ.get(CONNECTION)
    deadline = time.monotonic() + chunk_seconds(size)
    if connection is not None:
        connection.socket.settimeout(chunk_seconds(size))
    stream: Any = incoming.environ["wsgi.input"]
    # cheroot's length-checking wrapper has no readinto, the reader under it has; keep the wrapper's count right.
    reader: Any = getattr(stream, "rfile", None)
    direct = hasattr(reader, "readinto") and hasattr(stream, "remaining")
    digest = hashlib.sha256()
    got = 0
    while got < size:
        if time.monotonic() > deadline:
            raise ApiError("bad_request", f"the body took too long: {got} of {size} bytes came")
        part = view[got : got + PART]
        if direct:
            count = reader.readinto(part)
            stream.remaining -= count
        else:
            piece = stream.read(part.nbytes)
            count = len(piece)
            part[:count] = piece
        if not count:
            raise ApiError("bad_request", f"the body ended after {got} of {size} bytes")
        digest.update(part[:count])  # still in the cache
        got += count
    return digest.hexdigest()


def _discard_body(incoming: Request) -> None:
    stream: Any = incoming.environ["wsgi.input"]
    while stream.read(1 << 16):
        pass


# -- errors and log --------------------------------------------------------------------------------------------------


def _api_error(error: ApiError) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    if error.status in (429, 503):
        response.headers["Retry-After"] = "0.1" if error.code == "backpressure" else "1"
    return response


def _http_error(error: HTTPException) -> Response:
    names = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    status = error.code or 500
    name = names.get(status, "bad_request" if status < 500 else "internal")
    response = jsonify(error=name, message=str(error.name), details={})
    response.status_code = status
    return response


def _internal_error(error: Exception) -> Response:
    log.error("internal error while answering %s %s: %s", request.method, request.path, type(error).__name__)
    log.debug("details", exc_info=error)
    return _api_error(ApiError("internal", "this party had an internal error; see its log"))


def _start() -> None:
    g.start = time.perf_counter()
    guard: Guard | None = current_app.config.get(GUARD)
    if guard is not None:
        guard.admit(request, request.environ.get(CONNECTION))


def _close_if_unread(response: Response) -> Response:
    """Read what a peer still sends although it was refused; of others not much, their connection is closed instead."""
    incoming, conn = request.environ.get(REQUEST), request.environ.get(CONNECTION)
    if incoming is None or conn is None:
        return response
    unread = getattr(request.environ["wsgi.input"], "remaining", 0)
    unknown = conn.party is None and current_app.config.get(GUARD) is not None
    negative = unread < 0  # by its Content-Length; the server would read for ever
    if negative or incoming.chunked_read or unread > (UNREAD if unknown else MAX_CHUNK) or response.status_code == 413:
        incoming.close_connection = conn.unread = True
    elif unread:
        conn.rfile.deadline = time.monotonic() + chunk_seconds(unread, TIMEOUT)
        try:
            _discard_body(request)
        except OSError:  # late or gone
            incoming.close_connection = conn.unread = True
    return response


def _log_access(response: Response) -> Response:
    status = response.status_code
    if status >= 500 and status != 503:
        level = logging.ERROR
    elif status >= 400:
        # A party that was not told of the run yet, or is busy, is asked again: that is no news.
        level = logging.WARNING if status not in (401, 404, 429, 503) else logging.DEBUG
    else:
        # Messages come by the thousand; they are counted per phase instead.
        level = logging.INFO if f"{request.path}/".startswith(CONTROL) else logging.DEBUG
    if log.isEnabledFor(level):
        spent = (time.perf_counter() - g.get("start", time.perf_counter())) * 1e3
        log.log(level, "%s %s", request.method, request.path)
        log.log(level, "%s (in %.1fms)", response.status, spent)
    return response
