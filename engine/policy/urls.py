"""URLs of participants and databases: normal form, redaction."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from engine.sources import DATABASE_KINDS, database_kind, redact, sqlite_path

DEFAULT_PORTS = {"http": 80, "https": 443}


def url_of_parts(parts: dict[str, Any]) -> str:
    """Database URL of the object form ``{"driver", "host", "port", "database", "user", "password",
    "params"}``.
    """
    driver = parts["driver"]
    if DATABASE_KINDS.get(driver) == "sqlite":
        return f"sqlite://{parts.get('database', '')}"
    login = quote(parts.get("user", ""), safe="")
    if "password" in parts:
        login += ":" + quote(parts["password"], safe="")
    host = parts.get("host", "localhost")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    port = f":{parts['port']}" if "port" in parts else ""
    params = "&".join(
        f"{quote(key, safe='')}={quote(str(value), safe='')}" for key, value in parts.get("params", {}).items()
    )
    at = f"{login}@" if login else ""
    return f"{driver}://{at}{host}{port}/{quote(parts.get('database', ''), safe='')}" + (f"?{params}" if params else "")


def normalise_participant(url: str) -> str:
    """Normal form of a participant's URL: lower-case host, no default port, trailing slash. ValueError says
    why not.
    """
    shown = redact(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"'{shown}' is not an http(s) URL") from None
    if parts.scheme.lower() not in DEFAULT_PORTS or not host or re.search(r"[\s\x00-\x1f\\]", url):
        raise ValueError(f"'{shown}' is not an http(s) URL")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise ValueError("a participant URL must not hold a user name or password")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise ValueError("a participant URL must not have a query or fragment")
    if port == 0:
        raise ValueError(f"'{shown}' has port 0")
    scheme = parts.scheme.lower()
    name = f"[{host}]" if ":" in host else host
    netloc = name if port is None or port == DEFAULT_PORTS[scheme] else f"{name}:{port}"
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    return urlunsplit((scheme, netloc, path, "", ""))


def is_loopback(url: str) -> bool:
    """True when the host of the URL is ``localhost`` or a loopback address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


__all__ = [
    "DATABASE_KINDS",
    "database_kind",
    "is_loopback",
    "normalise_participant",
    "redact",
    "sqlite_path",
    "url_of_parts",
]
