"""Which texts of a policy are secrets: they are registered before anything is said about the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.policy.jsontext import child

#: Keys whose texts are secrets wherever they come from.
_SECRET_KEYS = {"password", "psk"}
#: Keys everything below which is a secret.
_SECRET_TREES = {"auth", "headers"}
#: Keys whose texts other parties or the log may see, also when they come out of a variable.
_PUBLIC_TREES = {"participants", "identities", "program", "program_sha256", "name", "computation_id", "tls", "limits"}
_PUBLIC_KEYS = {"db", "driver", "host", "port", "database", "user", "file", "delimiter", "encoding"}
#: Shorter passwords (test, root) are words of ordinary messages: they are masked where they stand in a URL only.
_ORDINARY = 5


def confidential(root: Any, expanded: Iterable[tuple[str, str]]) -> set[str]:
    """The secrets of a policy: ``expanded`` are (pointer, text) of what came out of variables and files."""
    found = {text for pointer, text in expanded if not _public(pointer)}
    for pointer, text in _strings(root, ""):
        keys = pointer.split("/")[1:]
        if keys and (keys[-1] in _SECRET_KEYS or _SECRET_TREES & set(keys)) and len(text) >= _ORDINARY:
            found.add(text)
        found |= url_passwords(text)
    return found - {""}


def url_passwords(url: str) -> set[str]:
    """The password of a URL in both spellings, unless the same word stands in the URL openly anyway."""
    try:
        parts = urlsplit(url)
        password, user, host = parts.password, parts.username, parts.hostname
    except ValueError:
        return set()
    if not password or len(password) < _ORDINARY or any(mark in url for mark in " \n"):
        return set()
    if password in (parts.scheme, user, host, parts.path.strip("/")):
        return set()
    return {password, unquote(password)}


def _public(pointer: str) -> bool:
    keys = pointer.split("/")[1:]
    return not _SECRET_TREES & set(keys) and (keys[0] in _PUBLIC_TREES or keys[-1] in _PUBLIC_KEYS)


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strings(item, child(pointer, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, child(pointer, key))
