"""Keys and certificates of parties, as the commands make them and as a party reads them."""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from engine.errors import PolytuneError, ResourceError, SecurityError
from engine.transport.certificates import Validity, load_credentials, make_certificate, read_certificate
from polytune_cli.main import run


def keygen(folder: Path, *options: str) -> int:
    return run(["keygen", "--party", "0", "--out", str(folder), *options])


def test_keygen_writes_a_private_key_and_prints_the_fingerprint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "keys"
    assert keygen(folder, "--host", "a.example", "--host", "10.0.0.1", "--host", "::1") == 0
    printed = capsys.readouterr().out
    assert re.fullmatch(r"sha256:[0-9a-f]{64}\n", printed)
    key, certificate = folder / "p0.key", folder / "p0.crt"
    assert key.stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["p0.crt", "p0.key"]
    credentials = load_credentials(certificate, key)
    assert credentials.fingerprint == printed.strip() and not credentials.warnings
    years = credentials.certificate.validity.end - datetime.datetime.now(datetime.UTC)
    assert 3649 <= years.days <= 3650
    shown = subprocess.run(
        ["openssl", "x509", "-in", certificate, "-noout", "-text", "-fingerprint", "-sha256"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "prime256v1" in shown and "DNS:a.example, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1" in shown
    assert printed.strip().removeprefix("sha256:").upper() in shown.replace(":", "")
    assert run(["fingerprint", str(certificate)]) == 0
    assert capsys.readouterr().out == printed


def test_fingerprint_reads_der_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keygen(tmp_path, "--json")
    made = json.loads(capsys.readouterr().out)
    (tmp_path / "x.der").write_bytes(read_certificate(tmp_path / "p0.crt").der)
    assert run(["fingerprint", "--json", str(tmp_path / "x.der")]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == made["fingerprint"]


def test_a_key_is_never_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keygen(tmp_path) == 0
    before = (tmp_path / "p0.key").read_bytes()
    assert keygen(tmp_path) == 6
    assert "p0.key or .crt exists" in capsys.readouterr().err
    assert (tmp_path / "p0.key").read_bytes() == before
    os.unlink(tmp_path / "p0.key")
    assert keygen(tmp_path) == 6 and not (tmp_path / "p0.key").exists()
    assert keygen(tmp_path, "--force") == 0 and (tmp_path / "p0.key").read_bytes() != before
    load_credentials(tmp_path / "p0.crt", tmp_path / "p0.key")


@pytest.mark.parametrize("host", ["", "a b", "-a", "a..b", "x" * 300, "http://a"])
def test_hosts_are_names_or_addresses(tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert keygen(tmp_path, "--host", host) == 2
    assert "is neither a host name nor an IP address" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def write(folder: Path, name: str, days: int = 100, begin: datetime.datetime | None = None) -> tuple[Path, Path]:
    made = make_certificate("test", ["localhost"], days, begin)
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    certificate.write_bytes(made.certificate)
    key.write_bytes(made.key)
    key.chmod(0o600)
    return certificate, key


@pytest.mark.fault(63)
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    certificate, key = write(tmp_path, "p0")
    key.chmod(mode)
    with pytest.raises(ResourceError, match=f"p0.key has mode {mode:o}, need 600") as caught:
        load_credentials(certificate, key)
    assert caught.value.exit_code == 6 and "chmod 600" in caught.value.hint


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    certificate, key = write(tmp_path, "a")
    _, other = write(tmp_path, "b")
    encrypted = tmp_path / "e.key"
    command = ["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", encrypted]
    subprocess.run(command, check=True, capture_output=True)
    encrypted.chmod(0o600)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "empty").chmod(0o600)
    cases: list[tuple[Path, Path, str]] = [
        (certificate, other, "does not belong to the key"),
        (certificate, encrypted, "is encrypted"),
        (certificate, tmp_path / "empty", "is not a private key in PEM form"),
        (certificate, tmp_path / "missing", "cannot read the key"),
        (tmp_path / "missing", key, "cannot read the certificate"),
        (tmp_path / "empty", key, "is not a certificate"),
        (key, key, "is not a certificate"),
        (tmp_path, key, "is a directory"),
    ]
    for first, second, text in cases:
        with pytest.raises(PolytuneError, match=text) as caught:
            load_credentials(first, second)
        assert caught.value.exit_code == 6


def test_the_end_of_a_certificate_is_told_thirty_days_ahead(tmp_path: Path) -> None:
    credentials = load_credentials(*write(tmp_path, "soon", days=12))
    assert re.search(r"soon.crt expires on \d{4}-\d\d-\d\d, in 11 days", credentials.warnings[0])
    validity = credentials.certificate.validity
    day = datetime.timedelta(days=1)
    assert validity.problem(validity.end + day) == f"expired on {validity.end:%Y-%m-%d}"
    assert "is not valid before" in validity.problem(validity.begin - day)
    assert not Validity(validity.begin, validity.end + 40 * day).warning()


@pytest.mark.fault(50)
def test_an_expired_own_certificate_is_refused(tmp_path: Path) -> None:
    certificate, key = write(
        tmp_path, "old", days=1, begin=datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    )
    with pytest.raises(SecurityError, match=r"old\.crt expired on") as caught:
        load_credentials(certificate, key)
    assert caught.value.exit_code == 5
