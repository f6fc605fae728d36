"""Bristol Fashion: public circuits with known answers, round trips, every refusal."""

from __future__ import annotations

import hashlib
import lzma

import numpy as np
import pytest

from engine.circuit import Builder, Circuit, CircuitError, bristol_reader, bristol_writer
from engine.errors import ResourceError
from tests.circuit.helpers import assignments, bits_of, bristol_file, number_of, random_raw

HALF_ADDER = "2 4\n2 1 1\n2 1 1\n\n2 1 0 1 2 XOR\n2 1 0 1 3 AND\n"


def load(tmp_path, text: str, **options) -> Circuit:
    path = tmp_path / "circuit.txt"
    path.write_text(text)
    return Circuit.from_bristol(path, **options)


def assert_equal(one: Circuit, two: Circuit) -> None:
    """Gate for gate."""
    assert one.input_bits == two.input_bits
    for array in ("op", "a", "b", "outputs"):
        assert np.array_equal(getattr(one, array), getattr(two, array)), array


def test_example_half_adder(tmp_path):
    circuit = load(tmp_path, HALF_ADDER)
    assert circuit.input_bits == (1, 1)
    assert [circuit.evaluate([[x], [y]]).tolist() for x in (0, 1) for y in (0, 1)] == [[0, 0], [1, 0], [1, 0], [0, 1]]


def test_aes_of_fips_197():
    circuit = Circuit.from_bristol(bristol_file("aes_128.txt.xz"), lsb_first=True)
    assert circuit.and_gates == 6400
    key, block = 0x000102030405060708090A0B0C0D0E0F, 0x00112233445566778899AABBCCDDEEFF
    result = circuit.evaluate([bits_of(key, 128), bits_of(block, 128)])
    assert number_of(result) == 0x69C4E0D86A7B0430D8CDB78070B4C55A


def test_sha_256_of_fips_180_4():
    circuit = Circuit.from_bristol(bristol_file("sha256.txt.xz"), lsb_first=True)
    start = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
    block = b"abc\x80" + bytes(52) + (24).to_bytes(8, "big")
    chaining = b"".join(word.to_bytes(4, "big") for word in start)
    inputs = [bits_of(int.from_bytes(block, "big"), 512), bits_of(int.from_bytes(chaining, "big"), 256)]
    assert number_of(circuit.evaluate(inputs)).to_bytes(32, "big") == hashlib.sha256(b"abc").digest()


def test_multiplier():
    circuit = Circuit.from_bristol(bristol_file("mult64.txt.xz"), lsb_first=True)
    for x, y in ((3, 4), (2**64 - 1, 2**64 - 1), (0x123456789ABCDEF1, 0xFEDCBA9876543219)):
        assert number_of(circuit.evaluate([bits_of(x, 64), bits_of(y, 64)])) == x * y % 2**64


@pytest.mark.parametrize("lsb_first", [False, True])
@pytest.mark.parametrize("name", ["aes_128", "sha256", "mult64"])
def test_public_circuits_round_trip(name, lsb_first, tmp_path):
    first = Circuit.from_bristol(bristol_file(f"{name}.txt.xz"), lsb_first=lsb_first)
    path = tmp_path / "copy.txt.xz"
    first.to_bristol(path, lsb_first=lsb_first)
    second = Circuit.from_bristol(path, lsb_first=lsb_first)
    assert_equal(first, second)
    rows = np.random.default_rng(0).integers(0, 2, (64, first.inputs), dtype=np.uint8)
    assert (first.evaluate_many(rows) == second.evaluate_many(rows)).all()


@pytest.mark.parametrize("lsb_first", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_random_circuits_round_trip(seed, lsb_first, tmp_path):
    """Negated and repeated outputs, inputs and constants as outputs."""
    op, a, b, outputs = random_raw(seed, 6, 40)
    outputs = np.concatenate((outputs, outputs, outputs ^ 1, [0, 1, 0, 0xFFFFFFFE]))
    first = Circuit.normalise((2, 0, 4), op, a, b, outputs)
    first.to_bristol(tmp_path / "x.txt", lsb_first=lsb_first)
    second = Circuit.from_bristol(tmp_path / "x.txt", lsb_first=lsb_first)
    assert_equal(first, second)
    rows = assignments(6)
    assert (first.evaluate_many(rows) == second.evaluate_many(rows)).all()


def test_bits_of_values_are_reversed(tmp_path):
    """Every value for itself, the output too."""
    circuit = Circuit.normalise((2, 3), [], [], [], [0, 2, 4, 6, 8])
    circuit.to_bristol(tmp_path / "x.txt", lsb_first=True)
    same = Circuit.from_bristol(tmp_path / "x.txt", lsb_first=True)
    assert same.evaluate([[1, 0], [1, 1, 0]]).tolist() == [1, 0, 1, 1, 0]
    raw = Circuit.from_bristol(tmp_path / "x.txt")
    assert raw.evaluate([[0, 1], [0, 1, 1]]).tolist() == [0, 1, 1, 0, 1]


def test_file_obeys_the_format(tmp_path):
    """Outputs are the last wires and distinct; every wire is assigned once, before it is read."""
    first = Circuit.normalise((3,), *random_raw(9, 3, 60))
    first.to_bristol(tmp_path / "x.txt")
    lines = [line.split() for line in (tmp_path / "x.txt").read_text().splitlines()]
    gates, wires = map(int, lines[0])
    assert lines[1] == ["1", "3"] and lines[2] == ["1", "12"] and lines[3] == []
    assert len(lines) == 4 + gates and wires == 3 + gates
    assigned = set(range(3))
    for line in lines[4:]:
        count = int(line[0])
        assert line[1] == "1" and len(line) == count + 4
        assert line[-1] in ("XOR", "AND", "INV") and count == (1 if line[-1] == "INV" else 2)
        assert set(map(int, line[2 : 2 + count])) <= assigned
        assigned.add(int(line[-2]))
    assert assigned == set(range(wires))


def test_panic_bits_are_left_out_with_their_gates(tmp_path):
    b = Builder((4, 4))
    x, y = b.input(0), b.input(1)
    product, overflow = b.mul(x, y)
    circuit = b.finish(np.concatenate((overflow.reshape(1), product, b.xor(x, y))), panic_bits=5)
    circuit.to_bristol(tmp_path / "x.txt")
    short = Circuit.from_bristol(tmp_path / "x.txt")
    assert (short.and_gates, short.output_bits, short.panic_bits) == (0, 4, 0)
    circuit.to_bristol(tmp_path / "x.txt", keep_panics=True)
    assert_equal(Circuit.from_bristol(tmp_path / "x.txt"), circuit)
    with pytest.raises(CircuitError, match="panic"):
        b.finish(product, panic_bits=5)


def test_constants_without_inputs(tmp_path):
    Circuit.normalise((0,), [], [], [], [0xFFFFFFFF, 0xFFFFFFFE]).to_bristol(tmp_path / "x.txt")
    assert Circuit.from_bristol(tmp_path / "x.txt").evaluate([[]]).tolist() == [1, 0]


def test_copies_constants_and_vectors_of_ands(tmp_path):
    circuit = load(
        tmp_path,
        "3 10\n1 4\n1 4\n\n1 1 0 4 EQW\n1 1 1 5 EQ\n4 2 0 1 2 3 8 9 MAND\n1 1 4 6 EQW\n1 1 5 7 EQW\n".replace(
            "3 10", "5 10"
        ),
    )
    for row in assignments(4):
        a, b, c, d = row.tolist()
        assert circuit.evaluate([row]).tolist() == [a, 1, a & c, b & d]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "missing"),
        ("2 4\n2 1 1\n", 3, "missing"),
        ("2 4\n2 1 1\n\n2 1 0 1 2 XOR\n", 4, "output values is missing"),
        ("2 4 5\n2 1 1\n1 1\n", 1, "gates and wires"),
        ("2 4\n3 1 1\n1 1\n", 2, "announced"),
        ("2 x\n", 1, "not a number"),
        ("2 -4\n", 1, "not a number"),
        ("2 1\n2 1 1\n1 1\n", 2, "only 1 wires"),
        ("2 4\n2 1 1\n1 5\n", 3, "only 4 wires"),
        ("99 4\n2 1 1\n1 1\n", 1, "too short"),
        ("1 999999999\n1 1\n1 1\n1 1 0 1 INV\n", 1, "too short"),
        ("1 99999999999\n1 1\n1 1\n1 1 0 1 INV\n", 1, "at most"),
        ("1 999999999999\n1 999999999999\n1 1\n", 2, "at most"),
        (HALF_ADDER.replace("AND", "NAND"), 6, "unknown gate"),
        (HALF_ADDER.replace(" AND", ""), 6, "no gate name"),
        (HALF_ADDER.replace("0 1 3 AND", "0 9 3 AND"), 6, "out of range"),
        (HALF_ADDER.replace("0 1 3 AND", "0 1 9 AND"), 6, "out of range"),
        (HALF_ADDER.replace("0 1 2 XOR", "0 3 2 XOR"), 5, "before"),
        (HALF_ADDER.replace("0 1 3 AND", "0 1 2 AND"), 6, "twice"),
        (HALF_ADDER.replace("2 1 0 1 3 AND", "1 1 0 3 AND"), 6, "wrong number of wires"),
        (HALF_ADDER.replace("2 1 0 1 3 AND", "2 1 0 1 1 3 AND"), 6, "malformed"),
        (HALF_ADDER.replace("2 1 0 1 3 AND", "AND"), 6, "malformed"),
        (HALF_ADDER.replace("2 1 0 1 3 AND", "1 1 5 3 EQ"), 6, "constant"),
        ("1 4\n2 1 1\n2 1 1\n\n2 1 0 1 2 XOR\n", 3, "never assigned"),
        (HALF_ADDER.replace("2 4", "3 4", 1), 1, "the file has 2"),
    ],
)
def test_refusals_name_the_line(text, line, reason, tmp_path):
    with pytest.raises(CircuitError, match=reason) as caught:
        load(tmp_path, text)
    assert f"circuit.txt, line {line}: " in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(CircuitError, match="cannot read"):
        Circuit.from_bristol(tmp_path / "missing.txt")
    (tmp_path / "bad.xz").write_bytes(b"no xz")
    (tmp_path / "short.xz").write_bytes(lzma.compress(HALF_ADDER.encode())[:-20])
    for name in ("bad.xz", "short.xz"):
        with pytest.raises(CircuitError, match="not a complete xz"):
            Circuit.from_bristol(tmp_path / name)
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(CircuitError, match="plain text"):
        Circuit.from_bristol(tmp_path / "bad.txt")
    with pytest.raises(CircuitError, match="line 5: this is not plain text"):
        load(tmp_path, HALF_ADDER.replace("2 XOR", "2 X\u00d6R"))


def test_a_file_is_complete_or_not_there(tmp_path, monkeypatch):
    circuit = load(tmp_path, HALF_ADDER)
    with pytest.raises(ResourceError, match="cannot write") as caught:
        circuit.to_bristol(tmp_path / "none" / "x.txt")
    assert caught.value.exit_code == 6
    with pytest.raises(ResourceError, match="directory"):
        circuit.to_bristol(tmp_path)
    old, link = tmp_path / "old.txt", tmp_path / "link.txt"
    old.write_text("before")
    link.symlink_to(old)

    def full(rows):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(bristol_writer._Listing, "_last_gates", full)
        with pytest.raises(ResourceError, match="no space left"):
            circuit.to_bristol(old)
    assert old.read_text() == "before"
    circuit.to_bristol(link)
    assert link.is_symlink()
    assert_equal(Circuit.from_bristol(old), circuit)
    assert {path.name for path in tmp_path.iterdir()} == {"circuit.txt", "old.txt", "link.txt"}


def test_pieces(tmp_path, monkeypatch):
    """Files are read and written in pieces; small ones cut lines and gates everywhere."""
    first = Circuit.normalise((5,), *random_raw(3, 5, 3000))
    first.to_bristol(tmp_path / "whole.txt")
    monkeypatch.setattr(bristol_writer, "_STEP", 3)
    first.to_bristol(tmp_path / "pieces.txt")
    text = (tmp_path / "whole.txt").read_bytes()
    assert (tmp_path / "pieces.txt").read_bytes() == text
    for size in (1, 7, 1000):
        monkeypatch.setattr(bristol_reader, "_PIECE", size)
        assert_equal(Circuit.from_bristol(tmp_path / "whole.txt"), first)
    monkeypatch.setattr(bristol_reader, "MAX_LINE", 2000)
    with pytest.raises(CircuitError, match="line 5: the line is longer"):
        load(tmp_path, HALF_ADDER.replace("2 1 0", "2" + 4000 * " " + "1 0", 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(" ", "\t ").replace("\n", " \n\n"),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("\n", "\v\n"),  # no kernel knows that character: every line is read by Python
    ],
)
def test_white_space_has_no_meaning(change, tmp_path):
    first = Circuit.normalise((3, 3), *random_raw(4, 6, 60))
    first.to_bristol(tmp_path / "x.txt")
    assert_equal(load(tmp_path, change((tmp_path / "x.txt").read_text())), first)


def test_header_of_a_compressed_file_makes_no_room(tmp_path):
    """The size of an xz file says little, so memory follows the gates that are really there."""
    (tmp_path / "x.xz").write_bytes(lzma.compress(b"2000000000 2000000000\n1 1\n1 1\n\n1 1 0 1 INV\n"))
    with pytest.raises(CircuitError, match="promises 2000000000 gates, the file has 1"):
        Circuit.from_bristol(tmp_path / "x.xz")


def test_damaged_files_are_read_alike(tmp_path):
    """The kernel and Python agree on every file: the same circuit, or the same mistake at the same line."""
    random = np.random.default_rng(8)
    first = Circuit.normalise((3, 3), *random_raw(6, 6, 30))
    first.to_bristol(tmp_path / "x.txt")
    text = (tmp_path / "x.txt").read_text()
    head, _, gates = text.partition("\n\n")
    found = set()
    for _ in range(400):
        lines = gates.splitlines()
        at = int(random.integers(len(lines)))
        words = lines[at].split()
        place = int(random.integers(len(words)))
        words[place] = str(
            random.choice(["0", "1", "2", "7", "40", "99", "x", "-1", "1.0", "00000000001", "XOR", "INV", "EQ"])
        )
        lines[at] = " ".join(words)
        changed = head + "\n\n" + "\n".join(lines)
        results = []
        for form in (changed, changed.replace("\n", "\v\n")):
            try:
                circuit = load(tmp_path, form)
                results.append([circuit.op.tolist(), circuit.a.tolist(), circuit.b.tolist(), circuit.outputs.tolist()])
            except CircuitError as error:
                assert error.line
                results.append(error.message)
        assert results[0] == results[1], changed
        found.add(type(results[0]))
    assert found == {list, str}
