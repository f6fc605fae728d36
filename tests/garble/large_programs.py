"""Programs that are too deep, too wide or too long, each with the outcome that it must have.

``python -m tests.garble.large_programs`` compiles all of them with bounded memory in a thread with a small stack and
writes one JSON line each: name, outcome (``ok`` or a category), message of the first diagnostic.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
from collections.abc import Iterator

MEMORY = 3 << 30  # bytes of address space
STACK = 256 << 10  # bytes; deep trees must not need the machine's stack


def program(body: str, *, before: str = "", parameters: str = "x: u8", result: str = "u8") -> str:
    """A program around a function body."""
    return f"{before}\npub fn main({parameters}) -> {result} {{ {body} }}"


def nested(depth: int) -> Iterator[tuple[str, str]]:
    """Every construct inside itself."""
    yield "parentheses", program("(" * depth + "x" + ")" * depth)
    yield "open parentheses", program("(" * depth)
    yield "blocks", program("{" * depth + "x" + "}" * depth)
    yield "open blocks", program("{" * depth)
    yield "arrays", program("let a = " + "[" * depth + "x" + "]" * depth + "; x")
    yield "tuples", program("let a = " + "(" * depth + "x" + ",)" * depth + "; x")
    yield "complements", program("!" * depth + "x")
    yield "negations", program("- " * depth + "x", parameters="x: i8", result="i8")
    yield "tuple types", program("1", parameters="x: u8, y: " + "(" * depth + "u8" + ")" * depth)
    yield "array types", program("1", parameters="x: u8, y: " + "[" * depth + "u8" + "; 1]" * depth)
    yield "tuple patterns", program("let " + "(" * depth + "y" + ")" * depth + " = x; x")
    yield "branches", program("if x == 1 { " * depth + "x" + " } else { 2 }" * depth)
    yield "matches", program("match x { _ => " * depth + "x" + " }" * depth)
    yield "calls", program("f(" * depth + "x" + ")" * depth, before="fn f(x: u8) -> u8 { x }")
    yield "indices", program("a[" * depth + "0" + "]" * depth, parameters="a: [usize; 2], b: u8", result="usize")
    yield "casts", program("x" + " as u8" * depth)
    yield "accesses", program("x" + "[0]" * depth)
    yield "constants", program("A", before=f"const A: u8 = {'(' * depth}1u8{')' * depth};")
    yield "choices of constants", program("A", before=f"const A: u8 = {'max(' * depth}1u8{')' * depth};")


def chains(length: int) -> Iterator[tuple[str, str]]:
    """What may be long without being deep."""
    yield "sum", program(" ^ ".join(["x"] * length))
    yield "sum with overflow checks", program(" + ".join(["x"] * length))
    yield "conjunction", program(" && ".join(["x"] * length), parameters="x: bool", result="bool")
    yield "sum of constants", program("A", before=f"const A: u8 = {' + '.join(['1u8'] * length)};")
    sizes = " - ".join(["9usize", *["1usize"] * 8] + ["0usize"] * length)
    yield "sum in a size", program("x", parameters=f"x: u8, y: [u8; const {{ {sizes} }}]")
    links = [f"if x == {i % 256} {{ {i % 7} }}" for i in range(length // 4)]
    yield "else if", program(" else ".join(links) + " else { 9 }")
    links = [f"if x == {i % 256} {{ y += {i % 7}; }}" for i in range(length // 4)]
    yield "else if with assignments", program("let mut y = x; " + " else ".join(links) + " y")
    yield "statements", program(" ".join([f"let a{i} = x ^ {i % 256};" for i in range(length)]) + " a1")
    functions = "\n".join(f"fn f{i}(x: u8) -> u8 {{ f{i + 1}(x) }}" for i in range(length // 2))
    yield "calls of calls", program("f0(x)", before=f"{functions}\nfn f{length // 2}(x: u8) -> u8 {{ x }}")
    arms = ", ".join(f"{i} => {i}" for i in range(length // 2))
    yield "arms", program(f"match x {{ {arms}, _ => 0 }}", parameters="x: u16", result="u16")
    names = ", ".join(f"V{i}(u8)" for i in range(length // 2))
    arms = ", ".join(f"E::V{i}(y) => y" for i in range(length // 2))
    yield "variants", program(f"match x {{ {arms} }}", before=f"enum E {{ {names} }}", parameters="x: E")
    names = ", ".join(f"a{i}" for i in range(length // 4))
    yield "components", program(f"let ({names}) = ({', '.join(['x'] * (length // 4))}); a1")


def growing() -> Iterator[tuple[str, str, str]]:
    """Short programs of a size that nobody can build, and a word of the error."""
    pairs = "\n".join(f"struct T{i} {{ a: T{i + 1}, b: T{i + 1} }}" for i in range(40))
    yield (
        "structs that double",
        program("1", before=f"{pairs}\nstruct T40 {{ a: u8 }}", parameters="x: u8, t: T0"),
        "bits",
    )
    empty = program("t", before=f"{pairs}\nstruct T40 {{ }}", parameters="x: u8, t: T0", result="T0")
    yield "empty structs that double", empty, "parts"
    arrays = "\n".join(f"struct T{i} {{ a: [T{i + 1}; 1000] }}" for i in range(40))
    yield (
        "arrays of arrays",
        program("1", before=f"{arrays}\nstruct T40 {{ a: u8 }}", parameters="x: u8, t: T0"),
        "bits",
    )
    calls = "\n".join(f"fn f{i}(x: u8) -> u8 {{ f{i + 1}(x) ^ f{i + 1}(x) }}" for i in range(40))
    yield "calls that double", program("f0(x)", before=f"{calls}\nfn f40(x: u8) -> u8 {{ x }}"), "operations"
    yield (
        "loops in loops",
        program("let mut s = x; " + "for i in 0..1000 { " * 8 + "s ^= 1;" + " }" * 8 + " s"),
        "operations",
    )
    body = "let mut s = 0u8; " + "for _ in join_iter(a, a) { " * 8 + "s ^= 1;" + " }" * 8 + " s"
    yield "joins in joins", program(body, parameters="a: [(u8, u8); 100], b: u8"), "operations"
    yield "parameter", program("x", parameters="x: u8, a: [u8; 4294967295]"), "bits"
    yield "repeat literal", program("let a = [x; 4294967295]; x"), "bits"
    yield "nested repeat literals", program("let a = [[[x; 10000]; 10000]; 10000]; x"), "bits"
    yield "repeat of nothing", program("let a = [(); 4294967295]; x"), "parts"
    yield "loop over nothing", program("for i in [(); 4294967295] { } x"), "parts"
    yield "result of nothing", program("[(); 4294967295]", result="[(); 4294967295]"), "parts"
    yield "range", program("for i in 0..4294967295 { } x"), "bits"
    yield "range beyond sizes", program("let a = 0..4294967296; x"), "size"
    yield "range to the end", program("let a = 0u64..18446744073709551615u64; x"), "size"
    yield "size beyond usize", program("x", parameters="x: u8, a: [u8; 18446744073709551615]"), "size"
    bound = "let a0 = x; " + " ".join(f"let a{i + 1} = [a{i}, a{i}];" for i in range(40)) + " x"
    yield "arrays that double", program(bound), "bits"


def rejected() -> Iterator[tuple[str, str, str, str]]:
    """Texts that end in an early stage: name, text, category, a word of the error."""
    pairs = "let a0 = x; " + " ".join(f"let a{i + 1} = (a{i}, a{i});" for i in range(40)) + " x"
    yield "tuples that double", program(pairs), "type", "parts"
    units = "let a0 = (); " + " ".join(f"let a{i + 1} = (a{i}, a{i});" for i in range(40)) + " x"
    yield "units that double", program(units), "type", "parts"
    deeper = "let a0 = x; " + " ".join(f"let a{i + 1} = (a{i},);" for i in range(10_000)) + " x"
    yield "tuples that grow deeper", program(deeper), "type", "nested"
    structs = "\n".join(f"struct T{i} {{ a: T{i + 1} }}" for i in range(10_000)) + "\nstruct T10000 { a: u8 }"
    yield "chain of structs", program("1", before=structs, parameters="x: u8, t: T0"), "type", "nested"
    circle = "\n".join(f"struct T{i} {{ a: T{(i + 1) % 10_000} }}" for i in range(10_000))
    yield "circle of structs", program("1", before=circle), "type", "recursive"
    calls = "\n".join(f"fn f{i}(x: u8) -> u8 {{ f{(i + 1) % 10_000}(x) }}" for i in range(10_000))
    yield "circle of functions", program("f0(x)", before=calls), "type", "recursive"
    holes = ", ".join(f"{i * 10}..{i * 10 + 9} => 1" for i in range(5000))
    yield "arms with holes", program(f"match x {{ {holes} }}", parameters="x: u16"), "type", "exhaustive"
    yield "unknown names", program(" ".join(f"y{i};" for i in range(20_000)) + " x"), "type", "unknown"
    yield "long name", program("a" * 1_000_000), "type", "unknown"
    yield "wide patterns", wide_patterns(), "type", "too many"
    yield "digits", program("1" * 1_000_000), "scan", "invalid unsigned number"
    yield "digits after a minus", program("-" + "1" * 1_000_000), "scan", "invalid signed number"
    yield "digits with a suffix", program("1" * 1_000_000 + "u8"), "scan", "`u8` holds"
    yield "a line of characters that do not exist", "$" * 100_000, "scan", "unexpected"
    yield "lines of characters that do not exist", "$\n" * 100_000, "scan", "unexpected"
    yield "quotes", '"' * 100_001, "scan", "unexpected"
    yield "comments in comments", "/*" * 100_000, "scan", "unterminated"
    yield "closing braces", "}" * 100_000, "parse", "not a top-level declaration"
    yield "statements that are none", program("let = 1; " * 10_000), "parse", "invalid pattern"


def wide_patterns() -> str:
    """A match that encodes a problem for which no quick method is known."""
    columns, rows = 60, []
    for number in range(400):
        places = {(number * 7 + 13 * k * k + k) % columns: "true" if (number >> k) & 1 else "false" for k in range(4)}
        rows.append("(" + ", ".join(places.get(place, "_") for place in range(columns)) + ") => 1")
    types = ", ".join(["bool"] * columns)
    return program(f"match t {{ {', '.join(rows)} }}", parameters=f"x: u8, t: ({types})")


def cases() -> Iterator[tuple[str, str, str, str]]:
    """Name, text, outcome, a part of the message."""
    for name, text in nested(100):
        wrong = {"open parentheses": "parse", "open blocks": "parse", "tuple patterns": "type", "accesses": "type"}
        yield f"100 {name}", text, wrong.get(name, "ok"), ""
    for name, text in nested(10_000):
        yield f"10000 {name}", text, "parse", "more than 1000"
    for name, text in nested(100_000):
        if name in ("parentheses", "open blocks", "array types", "negations"):
            yield f"100000 {name}", text, "parse", "more than 1000"
    for name, text in chains(10_000):
        yield f"10000 {name}", text, "ok", ""
    yield "100000 sum", program(" ^ ".join(["x"] * 100_000)), "ok", ""
    for name, text, word in growing():
        yield name, text, "compile", word
    yield from rejected()


def main() -> None:
    """Compile all cases; the process dies if one of them needs too much memory or stack."""
    import engine

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name, text, _, _ in cases():
        try:
            engine.compile_program(text)
            outcome, message, length = "ok", "", 0
        except engine.GarbleError as error:
            outcome, message, length = error.category, error.diagnostics[0][2], len(str(error))
        print(json.dumps([name, outcome, message, length]), flush=True)


if __name__ == "__main__":
    threading.stack_size(STACK)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
    sys.exit()
