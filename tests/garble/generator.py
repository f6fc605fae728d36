"""Random programs that are correctly typed, with many branches, assignments and panics; and random inputs."""

from __future__ import annotations

import random
from typing import Any

from engine import values as v

HEAD = """enum E { A, B(u8), C(bool, i8) }
struct S { y: u8, x: [u8; 3] }
fn pick(a: u8, b: i8) -> u8 { if b < 0 { a - 1 } else { a / 2 } }
fn total(a: [u8; 3]) -> u8 { let mut s = 0u8; for x in a { s += x; } s }
pub fn both(a: [u8; 3], b: i8) -> u8 { pick(total(a), b) }
"""
PARAMETERS = {
    "a": "u8",
    "b": "u8",
    "c": "i8",
    "d": "bool",
    "e": "E",
    "s": "S",
    "t": "(u8, i8)",
    "r": "[u8; 3]",
    "l": "[(u8, u8); 3]",
    "m": "[(u8, bool); 2]",
}
MUTABLE = {"va": "u8", "vb": "u8", "vc": "i8", "vr": "[u8; 3]", "vt": "(u8, i8)", "vs": "S"}
ARITHMETIC = ["+", "-", "*", "/", "%", *"&|^&|^&|^"]


class Generator:
    """Texts of random programs."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.fresh = 0
        self.scope = dict(PARAMETERS) | dict(MUTABLE)

    def program(self) -> str:
        parameters = ", ".join(f"{name}: {type_}" for name, type_ in PARAMETERS.items())
        lines = [f"pub fn main({parameters}) -> (u8, u8, i8, [u8; 3], (u8, i8), S) {{"]
        lines.append("let mut va = a; let mut vb = 1u8; let mut vc = c; let mut vr = [b, 0, 2];")
        lines.append("let mut vt = (0u8, 1i8); let mut vs = s;")
        lines += self.statements(3, self.random.randint(2, 6))
        lines.append("(va, vb, vc, vr, vt, vs)\n}")
        return HEAD + "\n".join(lines) + "\n"

    def statements(self, depth: int, count: int) -> list[str]:
        outer = dict(self.scope)
        lines = [self.statement(depth) for _ in range(count)]
        self.scope = outer
        return lines

    def block(self, depth: int) -> str:
        return "{\n" + "\n".join(self.statements(depth, self.random.randint(1, 3))) + "\n}"

    def statement(self, depth: int) -> str:
        kinds = ["assign"] * 6 + ["let"] * 2
        if depth:
            kinds += ["if"] * 4 + ["match"] * 3 + ["for"] * 2 + ["join", "logic"]
        return getattr(self, "make_" + self.random.choice(kinds))(depth)

    def make_assign(self, depth: int) -> str:
        place, type_ = self.random.choice(
            [
                ("va", "u8"),
                ("vb", "u8"),
                ("vc", "i8"),
                ("vr[{}]", "u8"),
                ("vr", "[u8; 3]"),
                ("vt.0", "u8"),
                ("vt.1", "i8"),
                ("vs.y", "u8"),
                ("vs.x[{}]", "u8"),
                ("vs", "S"),
                ("vr[{}]", "u8"),
            ]
        )
        place = place.replace("{}", self.index(1))
        if type_ in ("u8", "i8") and self.random.random() < 0.7:
            operator = self.random.choice(["+", "+", "+", "-", "-", *ARITHMETIC])
            return f"{place} {operator}= {self.expr(type_, 1)};"
        return f"{place} = {self.expr(type_, 2)};"

    def make_let(self, depth: int) -> str:
        self.fresh += 1
        name, type_ = f"n{self.fresh}", self.random.choice(["u8", "i8", "bool", "u8", "[u8; 3]"])
        line = f"let {name}: {type_} = {self.expr(type_, 2)};"
        self.scope[name] = type_
        return line

    def make_if(self, depth: int) -> str:
        text = f"if {self.expr('bool', 2)} {self.block(depth - 1)}"
        chance = self.random.random()
        if chance < 0.4:
            return text + f" else {self.block(depth - 1)}"
        if chance < 0.5:
            return text + f" else if {self.expr('bool', 1)} {self.block(depth - 1)} else {self.block(depth - 1)}"
        return text

    def make_match(self, depth: int) -> str:
        kind = self.random.randrange(3)
        if kind == 0:
            low = self.random.randrange(6)
            arms = [f"{low}", f"{low + 1}..={low + 5}", "_"]
            head = self.expr("u8", 1)
        elif kind == 1:
            arms, head = ["E::A", "E::C(true, -100..=0)", "E::B(_)", "_"], "e"
        else:
            arms, head = ["(0..3, _)", "(_, -128..=-1)", "(3, 0..=127)", "_"], self.random.choice(["t", "vt"])
        bodies = [f"{arm} => {self.block(depth - 1)}" for arm in arms]
        return f"match {head} {{ {', '.join(bodies)} }}"

    def make_for(self, depth: int) -> str:
        self.fresh += 1
        name = f"n{self.fresh}"
        outer = dict(self.scope)
        header, type_ = self.random.choice(
            [("0u8..3", "u8"), ("r", "u8"), ("vr", "u8"), ("[c, vc]", "i8"), ("1..3", "u8")]
        )
        self.scope[name] = type_
        text = f"for {name} in {header} {self.block(depth - 1)}"
        self.scope = outer
        return text

    def make_join(self, depth: int) -> str:
        self.fresh += 1
        x, y = f"x{self.fresh}", f"y{self.fresh}"
        outer = dict(self.scope)
        self.scope |= {x: "u8", y: "bool"}
        if self.random.random() < 0.3:
            text = f"for (h{x}, (k{x}, {x}), (_, {y})) in join(l, m) {{ if h{x} {self.block(depth - 1)} }}"
        else:
            text = f"for ((k{x}, {x}), (_, {y})) in join_iter(l, m) {self.block(depth - 1)}"
        self.scope = outer
        return text

    def make_logic(self, depth: int) -> str:
        operator = self.random.choice(["&&", "||"])
        return f"let _ = {self.expr('bool', 1)} {operator} {{ {self.make_assign(0)} {self.expr('bool', 1)} }};"

    def index(self, depth: int) -> str:
        if self.random.random() < 0.5:
            return str(self.random.randrange(3))
        return f"({self.expr('u8', depth)} & 3) as usize"

    def names(self, type_: str) -> list[str]:
        return [name for name, found in self.scope.items() if found == type_]

    def expr(self, type_: str, depth: int) -> str:
        choices = self.names(type_)
        if depth == 0 or self.random.random() < 0.25:
            return self.random.choice([*choices, self.literal(type_)])
        inner = depth - 1
        if self.random.random() < 0.2:
            condition = self.expr("bool", inner)
            return f"(if {condition} {{ {self.expr(type_, inner)} }} else {{ {self.expr(type_, inner)} }})"
        if type_ == "bool":
            operator = self.random.choice(["==", "!=", "<", ">", "<=", ">=", "&&", "||", "&"])
            of = "bool" if operator in ("&&", "||", "&") else self.random.choice(["u8", "i8"])
            return f"({self.expr(of, inner)} {operator} {self.expr(of, inner)})"
        if type_ == "[u8; 3]":
            return f"[{', '.join(self.expr('u8', inner) for _ in range(3))}]"
        if type_ == "S":
            return f"S {{ x: {self.expr('[u8; 3]', inner)}, y: {self.expr('u8', inner)} }}"
        return self.number(type_, inner)

    def number(self, type_: str, inner: int) -> str:
        kind = self.random.randrange(8)
        other = "i8" if type_ == "u8" else "u8"
        if kind == 0:
            return f"({self.expr(other, inner)} as {type_})"
        if kind == 1 and type_ == "u8":
            return f"{self.random.choice(['r', 'vr', 's.x', 'vs.x'])}[{self.index(inner)}]"
        if kind == 2:
            part = {"u8": ["vt.0", "t.0", "vs.y", "s.y"], "i8": ["vt.1", "t.1"]}[type_]
            return self.random.choice(part)
        if kind == 3:
            return f"({self.expr(type_, inner)} {self.random.choice(['<<', '>>'])} ({self.expr('u8', inner)} & 7))"
        if kind == 4 and type_ == "u8":
            return f"pick({self.expr('u8', inner)}, {self.expr('i8', inner)})"
        if kind == 5 and type_ == "u8":
            return f"total({self.expr('[u8; 3]', inner)})"
        if kind == 6:
            arms = f"0..=2 => {self.expr(type_, inner)}, q => {self.expr(type_, inner)}"
            return f"match {self.expr('u8', inner)} {{ {arms} }}"
        return f"({self.expr(type_, inner)} {self.random.choice(ARITHMETIC)} {self.expr(type_, inner)})"

    def literal(self, type_: str) -> str:
        if type_ == "bool":
            return self.random.choice(["true", "false"])
        if type_ == "u8":
            return str(self.random.choice([0, 1, 2, 3, 5, 100, 255]))
        if type_ == "i8":
            return str(self.random.choice([0, 1, 2, -1, -3, 100, -128]))
        if type_ == "S":
            return "s"
        return "[1, 2, 3]"


def random_value(type_: v.Type, rng: random.Random, disorder: float = 0.0) -> Any:
    """A value with a preference for small numbers; that share of tables is not strictly ascending."""
    if isinstance(type_, v.BoolType):
        return rng.random() < 0.5
    if isinstance(type_, v.IntType):
        if rng.random() < 0.7:
            return rng.randint(-3 if type_.signed else 0, 5)
        return rng.randint(type_.minimum, type_.maximum)
    if isinstance(type_, v.ArrayType):
        if isinstance(type_.element, v.TupleType):  # a table: strictly ascending keys
            keys = sorted(rng.sample(range(5), type_.size))
            if disorder and rng.random() < disorder:
                keys[rng.randrange(1, type_.size)] = keys[0] if rng.random() < 0.5 else 0
            return [(key, random_value(type_.element.items[1], rng)) for key in keys]
        return [random_value(type_.element, rng) for _ in range(type_.size)]
    if isinstance(type_, v.TupleType):
        return tuple(random_value(item, rng) for item in type_.items)
    if isinstance(type_, v.StructType):
        return v.StructValue(type_.name, {name: random_value(item, rng) for name, item in type_.fields})
    name, payload = rng.choice(type_.variants)
    parts = None if payload is None else tuple(random_value(item, rng) for item in payload)
    return v.EnumValue(type_.name, name, parts)
