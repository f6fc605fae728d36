"""A result to a URL: one POST of JSON, tried again when that may help, never redirected to another host."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import socket
import ssl
import tempfile
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from engine.data.delivery import Delivery
from engine.data.result import Result
from engine.errors import DataError, ResourceError
from engine.files import is_full
from engine.outputs import UrlOutput
from engine.transport.http.client import root_cause, transport_reason
from engine.values import ArrayType, to_json

CONNECT_TIMEOUT = 10.0
#: Seconds for the POST of an error: nobody should have to wait for it.
ERROR_TIMEOUT = 3.0
MAX_REDIRECTS = 5
MAX_PAUSE = 30.0
_TRY_AGAIN = {408, 425, 429}
#: Bits of a result whose JSON is made in memory.
IN_MEMORY = 1 << 22

log = logging.getLogger("polytune.data")


class _TryAgain(DataError):
    """The request failed in a way that may pass; ``pause`` is what the server asks for."""

    def __init__(self, message: str, hint: str = "", pause: float = 0.0) -> None:
        super().__init__(message, hint)
        self.pause = pause


def check_url(spec: UrlOutput) -> None:
    """Connect (with TLS if the URL says so) and send nothing; raises DataError. Behind a proxy nothing is tried."""
    import requests
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    parts = urlsplit(spec.url)
    host, secure = parts.hostname or "", parts.scheme.lower() == "https"
    with requests.Session() as session:
        found = session.merge_environment_settings(spec.url, {}, None, None, None)
    if found["proxies"].get(parts.scheme.lower()):
        return
    trusted = str(spec.ca or (found["verify"] if isinstance(found["verify"], str) else DEFAULT_CA_BUNDLE_PATH))
    try:
        with socket.create_connection((host, parts.port or (443 if secure else 80)), CONNECT_TIMEOUT) as connection:
            if secure:
                context = ssl.create_default_context(cafile=trusted)
                context.wrap_socket(connection, server_hostname=host).close()
    except OSError as error:
        raise _no_answer(spec, error) from None


def write_url(spec: UrlOutput, result: Result, delivery: Delivery) -> int:
    """POST ``{"type": "success", "details": value}``; returns the number of elements. Raises DataError."""
    with _body(spec, result, delivery) as body:
        for pause in delivery.attempts():
            delivery.check()
            try:
                _post(spec, body, delivery.run_id, spec.timeout)
                return len(result)
            except _TryAgain as error:
                if pause is None:
                    raise DataError(error.message, error.hint) from None
                pause = max(pause, min(error.pause, MAX_PAUSE))
                log.warning("%s; trying again in %g s", error.message, pause)
                delivery.pause(pause)
    raise AssertionError


def post_error(spec: UrlOutput, text: str, run_id: str) -> None:
    """POST ``{"type": "error", "details": text}`` once; raises DataError."""
    body = json.dumps({"type": "error", "details": text}).encode()
    _post(spec, io.BytesIO(body), run_id, min(spec.timeout, ERROR_TIMEOUT))


@contextlib.contextmanager
def _body(spec: UrlOutput, result: Result, delivery: Delivery) -> Iterator[IO[bytes]]:
    """The request's body; a large one is in a file without a name."""
    with io.BytesIO() if result.type.bits <= IN_MEMORY else tempfile.TemporaryFile() as file:
        try:
            for piece in _success(result, delivery):
                file.write(piece.encode())
            file.flush()
        except OSError as error:
            reason = "no space left" if is_full(error) else (error.strerror or "error").lower()
            raise ResourceError(f"{spec.label}: {reason} writing the request to {tempfile.gettempdir()}") from None
        yield file


def _success(result: Result, delivery: Delivery) -> Iterator[str]:
    is_array = isinstance(result.type, ArrayType)
    yield '{"type": "success", "details": ' + ('{"Array": [' if is_array else "")
    separator = ""
    for values in delivery.batches(result):
        yield separator + ", ".join(json.dumps(to_json(result.element, value)) for value in values)
        separator = ", "
    yield ("]}" if is_array else "") + "}"


def _post(spec: UrlOutput, body: IO[bytes], run_id: str, timeout: float) -> None:
    """One request, and those of redirections on the same host; raises DataError."""
    import requests

    url = spec.url
    headers = {"Content-Type": "application/json", "X-Polytune-Run": run_id, "Idempotency-Key": run_id}
    with requests.Session() as session:
        for _ in range(MAX_REDIRECTS + 1):
            body.seek(0)
            try:
                reply = session.post(
                    url,
                    data=body,
                    headers={**headers, **dict(spec.headers)},
                    timeout=(min(CONNECT_TIMEOUT, timeout), timeout),
                    verify=str(spec.ca) if spec.ca else None,
                    allow_redirects=False,
                    stream=True,  # the answer's body is of no interest, however long it is
                )
            except requests.RequestException as error:
                raise _no_answer(spec, error) from None
            reply.close()
            if reply.status_code not in (301, 302, 307, 308):
                return _judge(spec, reply)
            url = _redirected(spec, url, reply)
    raise DataError(f"{spec.label}: {spec.target} redirects too often", "give the URL where it ends")


def _judge(spec: UrlOutput, reply: Any) -> None:
    status = reply.status_code
    if 200 <= status < 300:
        return
    message = f"{spec.label}: {spec.target} answered {status} {reply.reason or ''}".rstrip()
    if status >= 500 or status in _TRY_AGAIN:
        after = reply.headers.get("Retry-After", "")
        raise _TryAgain(message, "look at the log of that server", float(after) if after.isdigit() else 0.0)
    raise DataError(message, "check the URL and its headers")


def _redirected(spec: UrlOutput, url: str, reply: Any) -> str:
    """Where to go on: the same host, port and scheme, or from http to https on the same host."""
    target = urljoin(url, reply.headers.get("Location", ""))
    try:
        old, new = urlsplit(url), urlsplit(target)
        same = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
        better = (old.scheme, new.scheme) == ("http", "https") and old.hostname == new.hostname
    except ValueError:
        same = better = False
    if same or better:
        return target
    raise DataError(
        f"{spec.label}: {spec.target} redirects to another host, which is refused",
        "give the URL where the result goes",
    )


def _no_answer(spec: UrlOutput, error: Exception) -> DataError:
    cause = root_cause(error)
    if isinstance(cause, ssl.SSLError):
        reason = getattr(cause, "verify_message", "") or cause.reason or "no TLS"
        return DataError(
            f"{spec.label}: no trusted connection to {spec.target}: {reason.lower()}",
            "for a certificate of a private authority let 'ca' name the authority's file",
        )
    return _TryAgain(f"{spec.label}: cannot POST to {spec.target}: {transport_reason(error)}", "is that server up?")
