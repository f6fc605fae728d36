"""The key ``output``: its forms, their defaults, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.errors import PolicyError
from engine.outputs import DatabaseOutput, FileOutput, PrintedOutput, UrlOutput
from engine.policy import load_policy
from tests.policy.policy_helpers import write

TABLE = {"db": "postgres://u:pw-secret@h/x", "query": "INSERT INTO t VALUES ($1)"}


def test_every_form(tmp_path: Path) -> None:
    policy = load_policy(
        write(
            tmp_path,
            output=[
                {**TABLE, "setup": "DELETE FROM t", "text": "hex", "keep": "matched"},
                {"file": "out/result.CSV", "text": "quoted", "keep": "matched"},
                {"file": "/tmp/rows", "format": "parquet"},
                {"file": "-", "format": "jsonl"},
                "https://u:pw-secret@h.example/result?token=pw-secret",
                {"url": "http://h/", "headers": {"Authorization": "Bearer pw-secret"}, "timeout": 5, "ca": "ca.pem"},
            ],
        )
    )
    folder = tmp_path.absolute()
    assert isinstance(policy.outputs[0], DatabaseOutput)
    assert set(policy.outputs[0].secrets) == {"pw-secret", "Bearer pw-secret"}
    assert policy.outputs == (
        DatabaseOutput(
            TABLE["db"],
            TABLE["query"],
            "DELETE FROM t",
            False,
            "hex",
            "matched",
            policy.outputs[0].secrets,
            "output[0]",
        ),
        FileOutput(folder / "out/result.CSV", "csv", "quoted", "matched", "output[1]"),
        FileOutput(Path("/tmp/rows"), "parquet", label="output[2]"),
        PrintedOutput("jsonl", label="output[3]"),
        UrlOutput("https://u:pw-secret@h.example/result?token=pw-secret", label="output[4]"),
        UrlOutput("http://h/", (("Authorization", "Bearer pw-secret"),), 5.0, folder / "ca.pem", "output[5]"),
    )
    assert "pw-secret" not in repr(policy)
    assert policy.outputs[0].target == "postgres://u:***@h/x"
    assert policy.outputs[4].target == "https://u:***@h.example/result"


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (None, ()),
        ("-", (PrintedOutput(),)),
        ({"file": "-"}, (PrintedOutput(),)),
        (["-"], (PrintedOutput(label="output[0]"),)),
    ],
)
def test_short_forms(output: Any, found: Any, tmp_path: Path) -> None:
    assert load_policy(write(tmp_path, output=output)).outputs == found


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_the_name_tells_the_format(ending: str, tmp_path: Path) -> None:
    (output,) = load_policy(write(tmp_path, output={"file": f"a.b.{ending}"})).outputs
    assert isinstance(output, FileOutput)
    assert output.format == ending


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (True, "/output: expected an http(s) URL, '-', or an object with 'db', 'file' or 'url', got boolean"),
        ("out.csv", "/output: not an output: expected an http(s) URL, '-', or an object with 'db', 'file' or 'url'"),
        ("ftp://h/x", "/output: not an output: expected an http(s) URL"),
        ("http://h:0/x", "/output: port 0 cannot be used"),
        ("http://h:x/", "/output: the URL cannot be understood"),
        (["-", "http://h/#x"], "/output/1: an output URL must not have a fragment"),
        ({"url": "http://"}, "/output/url: not an output"),
        ({"url": "http://h", "headers": {"Content-Length": "1"}}, "/output/headers/Content-Length: this header cannot"),
        ({"url": "http://h", "headers": {"a b": "1"}}, "/output/headers/a b: this header cannot be set"),
        ({"url": "http://h", "headers": {"X-A": 1}}, "/output/headers/X-A: expected string, got integer"),
        ({"url": "http://h", "headers": {"X-A": "pw-secret\nX-B: 1"}}, "/output/headers/X-A: the value of a header is"),
        ({"url": "http://h", "timeout": 0}, "/output/timeout: expected a positive number of seconds"),
        ({"url": "http://h", "text": "hex"}, "/output/text: unknown key 'text'"),
        ({}, "/output/db: missing"),
        ([], "/output: a list of outputs has 1 to 100 items"),
        (["-", 7], "/output/1: expected an http(s) URL"),
        ([["-"]], "/output/0: expected an http(s) URL"),
        ([TABLE, {**TABLE, "qeury": "x"}], "/output/1/qeury: unknown key 'qeury' (did you mean 'query'?)"),
        ([TABLE, {"db": TABLE["db"]}], "/output/1/query: missing"),
        ([TABLE, {**TABLE, "query": " "}], "/output/1/query: empty query"),
        ([TABLE, {**TABLE, "db": "oracle://h"}], "output[1].db: unsupported scheme 'oracle'"),
        ([{**TABLE, "db": {"driver": "oracle"}}], "output[0].db: unsupported scheme 'oracle'"),
        ({"file": ""}, "/output/file: empty name"),
        ({"file": 3}, "/output/file: expected string, got integer"),
        ({"file": "out.txt"}, "/output/file: the name tells no format: let it end in .csv, .tsv, .json, .jsonl, .par"),
        ({"file": "out.csv", "format": "xml"}, "/output/format: must be one of csv, tsv, json, jsonl, parquet"),
        ({"file": "-", "format": "parquet"}, "/output/format: parquet cannot be printed"),
        ({"file": "out.csv", "text": "loud"}, "/output/text: must be one of auto, text"),
        ({"file": "out.csv", "keep": "few"}, "/output/keep: must be one of all, matched"),
        ({"file": "out.csv", "query": "x"}, "/output/query: unknown key 'query'"),
        (["-", {"file": "-"}], "output[1] goes where output[0] goes"),
        ([{"file": "a.csv"}, {"file": "./a.csv"}], "output[1] goes where output[0] goes"),
    ],
)
def test_a_mistake(output: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(write(tmp_path, output=output))
    assert any(text in problem for problem in caught.value.problems), caught.value.problems
    assert all(problem.rstrip(")").rpartition("line ")[2].isdigit() for problem in caught.value.problems)
    assert "pw-secret" not in caught.value.message
