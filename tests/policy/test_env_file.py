"""Files of variables: ``NAME=value`` lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import PolicyError
from engine.policy import read_env_file


def test_lines_comments_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "\ufeff# passwords\n\nA=one\r\nexport B = two words  # said twice\n"
        "C='a # b' # c\nD=\"x=${A}\"\nE=\nF=a#b\nA=three\n",
        encoding="utf-8",
    )
    assert read_env_file(path) == {
        "A": "three",
        "B": "two words",
        "C": "a # b",
        "D": "x=${A}",
        "E": "",
        "F": "a#b",
    }


def test_lines_that_cannot_be_read_are_named_without_their_text(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nsecret-word\n1B=2\nC='secret-word\n")
    with pytest.raises(PolicyError) as caught:
        read_env_file(path)
    assert caught.value.problems == (
        "expected NAME=value (line 2)",
        "expected NAME=value (line 3)",
        "open quote (line 4)",
    )
    assert "secret-word" not in caught.value.message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, text in (
        (tmp_path / "none", "Could not find"),
        (tmp_path, "Is a directory"),
        (Path("x\0"), "not a valid path"),
    ):
        with pytest.raises(PolicyError, match=text):
            read_env_file(path)
    (tmp_path / "latin").write_bytes(b"A=\xff")
    with pytest.raises(PolicyError, match="not valid UTF-8 at byte 2"):
        read_env_file(tmp_path / "latin")
