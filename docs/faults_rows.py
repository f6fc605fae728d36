"""The faults of docs/faults.md in the order of their numbers, and the defects of the reference."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """What goes wrong, a part of the message, the exit code (empty: no process ends), and what still holds."""

    fault: str
    message: str
    code: str
    holds: str


NOT_STARTED = "nothing is started"
CLEAN = "no database is changed, the peers are told, contributors wait for the next run"
SERVES_ON = "nothing was computed; contributors wait for the next run"

#: Fault number N is FAULTS[N - 1].
FAULTS = (
    Fault("The policy file does not exist", "`Could not find 'x.json', exiting...`", "3", NOT_STARTED),
    Fault("The policy is not JSON", "`'x.json' has an invalid format: … line 3 column 8`", "3", NOT_STARTED),
    Fault("A key is missing", "`/program: missing`", "3", NOT_STARTED),
    Fault("A key is unknown", "`unknown key 'particpants' (did you mean 'participants'?)`", "3", NOT_STARTED),
    Fault("A key stands twice", "`key 'leader' appears twice (line 7)`", "3", NOT_STARTED),
    Fault("A value has the wrong type", "`/leader: expected integer, got string`", "3", NOT_STARTED),
    Fault("`party` or `leader` is nobody's number", "`party: 2 is not a party (…0..1)`", "3", NOT_STARTED),
    Fault("One participant only, one twice, or no URL", "`participants[2] repeats participants[0]`", "3", NOT_STARTED),
    Fault("The file is not UTF-8, or larger than 64 MiB", "`not valid UTF-8 at byte 17`", "3", NOT_STARTED),
    Fault(
        "A variable in `${…}` is not set", "`environment variable X is not set`", "3", "no value of a variable is shown"
    ),
    Fault("The program cannot be read", '`Could not load program "…"`', "3", NOT_STARTED),
    Fault("The program has a type error", "the compiler's text with line and excerpt", "3", "not listening yet"),
    Fault(
        "`main` takes more or fewer inputs than there are parties",
        "`main takes 3 inputs but there are 2 participants`",
        "3",
        NOT_STARTED,
    ),
    Fault("Bad `--addr`, `--port` or `SOCKET_ADDRESS`", "`Invalid value for '--port'`", "2", NOT_STARTED),
    Fault(
        "The port is taken or reserved",
        "`cannot listen on 127.0.0.1:8000: address already in use`",
        "6",
        NOT_STARTED,
    ),
    Fault(
        "A contributor is down when the leader starts",
        "`Could not reach …/run: …` for each, then `Some participants are missing, aborting...`",
        "1",
        CLEAN,
    ),
    Fault("A contributor starts late", "the same; with `--wait-peers` the run waits for it", "1, 0", CLEAN),
    Fault("Something else answers at a participant's URL", "`not a polytune peer`", "1", CLEAN),
    Fault("Two processes with one `party`", "`participant 1 answered as party 0`", "1, 5", CLEAN),
    Fault("Participants differ", "`party 1 refused: participants differ at index 1 (ours … theirs …)`", "5", SERVES_ON),
    Fault("Programs differ", "`party 1 refused: program differs (sha256 … ≠ …)`", "5", SERVES_ON),
    Fault(
        "Leader, output parties or evaluator differ",
        "`… refused: output_parties differ ([0] ≠ [0,1])`",
        "5",
        SERVES_ON,
    ),
    Fault("Versions of protocol or engine differ", "`peer speaks protocol 2, this is 1; upgrade …`", "1", SERVES_ON),
    Fault(
        "A party tells each party other constants, or circuits differ",
        "`consent mismatch with party 2: constants.PARTY_1.ROWS 50 ≠ 51`",
        "5",
        "no protocol message was sent",
    ),
    Fault(
        "A constant's query gives not one number ≥ 0",
        "`constants.ROWS: expected one non-negative integer, got 2 columns`",
        "4",
        CLEAN,
    ),
    Fault(
        "The input database cannot be reached",
        "`cannot connect to input db postgres://u:***@h:5550/p: connection refused`",
        "4",
        "the peers learn that it failed, not why",
    ),
    Fault("Wrong password, database or rights", "the driver's text without secrets, and a hint", "4", CLEAN),
    Fault("The package of a driver is missing", "`mysql needs the package mysql-connector-python`", "3", NOT_STARTED),
    Fault("Wrong SQL, or several statements", "`input.query: …` and the database's text", "4", CLEAN),
    Fault("The input query writes", "`read-only transaction`", "4", "nothing is written"),
    Fault(
        "Fewer or more columns than the tuple has",
        "`The program expects a tuple with 2 fields, but the query returned a row with 3 fields`",
        "4",
        CLEAN,
    ),
    Fault("A column of the wrong type", '`input row 1, column 2 "x" (TEXT): cannot become u8`', "4", CLEAN),
    Fault("NULL", '`input row 9, column 1 "k": NULL` and a hint', "4", CLEAN),
    Fault(
        "Text too long, not UTF-8, or with a NUL byte",
        "`input row 3, column 1: text has 26 bytes, [u8; 25] holds 25`",
        "4",
        "text is never cut",
    ),
    Fault("A number out of range", "`value out of range for u8 (0..255)`", "4", CLEAN),
    Fault(
        "A text that names no variant",
        "`not a variant of Tier (Basic, Plus)`",
        "4",
        "the value is shown with `--show-values` only",
    ),
    Fault("No rows", "`input query returned no rows`", "4", CLEAN),
    Fault(
        "Another number of rows than the constant says",
        "`input has 51 rows but parameter 'location' of party 0 is [..; 50] (PARTY_0::ROWS = 50)`",
        "4",
        CLEAN,
    ),
    Fault(
        "Equal join keys, or unsorted rows with `sort: error`",
        "`3 join keys occur more than once (rows 4, 9, …); join would drop matches`",
        "4",
        CLEAN,
    ),
    Fault(
        "The run would need too much memory",
        "`circuit needs ~41 GiB, limit 16 GiB (limits.memory)`",
        "6",
        "no protocol message was sent",
    ),
    Fault(
        "Nonsense in a request of a peer",
        "400 or 409, and a warning with peer and size",
        "5 from a party of the run",
        "a stranger's nonsense changes no run",
    ),
    Fault("A body that is too large", "413 before it is read", "", "memory stays bounded"),
    Fault("A chunk arrives twice", "200", "", "the second has no effect"),
    Fault("A number arrives again with other bytes", "`replay_mismatch`", "5", "the run ends for all"),
    Fault("A chunk is out of order", "409 `out_of_order`", "", "the sender goes back, the run goes on"),
    Fault("A message for a run that is over or unknown", "404 or 410", "", "it is ignored"),
    Fault(
        "A wrong MAC, a failed check of the protocol",
        "`party 1 sent an inconsistent message in phase …: aborting`",
        "5",
        "no result is revealed",
    ),
    Fault(
        "A peer is killed during a run",
        "`lost party 1 for 600 s`, or at once `party 1 restarted during the run`",
        "1",
        CLEAN,
    ),
    Fault(
        "The network fails for a while, or is slow",
        "warnings that say what is tried again",
        "0",
        "the run completes; every message has its effect once",
    ),
    Fault(
        "A wrong or expired certificate, or a peer without TLS",
        "`party 1 presented sha256:ab…, expected sha256:cd…`",
        "5",
        "no data was sent",
    ),
    Fault("A stranger calls `/run`", "401 or 403, and 429 when it insists", "", "nothing is started"),
    Fault("A second run while one runs", "503 `busy`", "", "the first run goes on"),
    Fault(
        "The program panics",
        "`program panicked: Array Access Out Of Bounds at line 12`",
        "1",
        "only output parties learn it; nothing is written",
    ),
    Fault(
        "The output database cannot be used, found before the run",
        "`output check failed: …`",
        "4",
        "nothing was computed",
    ),
    Fault(
        "The output database fails after the computation",
        "`result saved to …/recovery/<id>.json; apply with …`",
        "4",
        "the table is unchanged, the result is kept",
    ),
    Fault(
        "A row of the result does not fit the table",
        "the database's text and the number of the row",
        "4",
        "no row is written, the result is kept",
    ),
    Fault("A very large result", "progress", "0", "batches in one transaction"),
    Fault(
        "The output URL fails, redirects or does not answer",
        "three attempts, then the recovery file",
        "4",
        "the result is kept, and never sent to another host",
    ),
    Fault("The disk is full", "`no space left writing …`", "6", "the run ends and the peers are told"),
    Fault(
        "Ctrl-C or SIGTERM while idle, in a run, in the output",
        "`interrupted`",
        "0, 130, 143",
        "the peers are told; the transaction is rolled back",
    ),
    Fault("SIGKILL", "", "", "nothing is half written; the peers notice in time"),
    Fault(
        "A clock that is hours wrong",
        "a text that speaks of the clock",
        "5",
        "only shared-secret authentication and the dates of certificates depend on it",
    ),
    Fault("A key file that others can read", "`p0.key has mode 644, need 600`", "6", NOT_STARTED),
    Fault("A closed pipe, no terminal, another encoding", "no traceback", "0", "the run is done"),
)

#: Defect "DN" is DEFECTS[N - 1]: what the reference does, and what ours does.
DEFECTS = (
    ("a refusal is answered with 200, and the leader waits for ever", "an error with the reason; the leader exits 5"),
    ("constants of n - 2 others are enough to go on", "all n sets, or none"),
    ("constants of an earlier run are used again", "they belong to one run"),
    ("a failed run makes all later ones panic", "whatever the end, nothing of a run is left"),
    ("a lock is held while a request waits", "no lock is held across a wait"),
    ("chunks are sent again after one second: twice, or never whole", "numbers and digests; time grows with size"),
    ("exit code 0 after a failed computation", "never 0"),
    ("early messages are lost, unknown parties panic", "kept, or refused"),
    ("an unused constant makes a run hang, errors vanish", "dropped with a warning; errors are told"),
    ("text is cut without a word, values stand in logs, quotes in results", "refused, never shown, as it is"),
    (
        "joins of unsorted rows lose matches; characters count as bytes",
        "rows are sorted and checked; bytes count",
    ),
    ("setup and inserts are several transactions; a result can be lost", "one transaction, and a recovery file"),
    ("a participant's path without a final slash makes wrong routes", "URLs are joined as URLs"),
    ("passwords, policies and rows in logs; anybody may ask; no limits", "[SECURITY.md](../SECURITY.md)"),
)
