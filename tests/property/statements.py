"""Well-typed statements, blocks, matches and loops."""

from __future__ import annotations

from collections.abc import Callable

from tests.property.choices import MOST_COPIES, Code, Levels, Var, paths
from tests.property.marked import literal, plain, site
from tests.property.patterns import Bound, Patterns
from tests.property.shapes import BOOL, INTS, UNIT, Arr, Bool, Int, Shape, Tup, width

Statement = Callable[[int], str]


class Statements(Patterns):
    """Statements with what they declare."""

    def block(self, shape: Shape, depth: int, known: bool) -> Code:
        """A block that gives a value."""
        with self.inner():
            lines = [self.statement(depth) for _ in self.several(0, 2)]
            if self.chance(1, 3):
                lines.append(self.assignment(depth))
            if shape == UNIT and self.chance(1, 2):
                lines.append(self.assignment(depth))
            else:
                lines.append(self.text(shape, depth, known) + ";" * self.chance(1, 8))
        return Code(self.braces(lines), Levels.BLOCK)

    def effects(self, depth: int, first: str = "") -> str:
        """A block of statements without value."""
        lines = [first] if first else []
        lines += [self.statement(depth) for _ in self.several(1, 3)]
        lines.append(self.assignment(depth) if self.chance(1, 2) else "()")
        return self.braces(lines)

    def braces(self, lines: list[str]) -> str:
        """Statements between braces, on one line or several."""
        joined = [
            line + ";" if ends_open(line, following) else line for line, following in zip(lines, [*lines[1:], ""])
        ]
        if len(joined) < 3 and not any("\n" in line for line in joined):
            return f"{{ {' '.join(joined)} }}"
        inside = "\n".join(joined).replace("\n", "\n    ")
        return f"{{\n    {inside}\n}}"

    def statement(self, depth: int) -> str:
        """One statement; the first kinds are simple ones."""
        self.fuel -= 1
        kinds: list[Statement] = [self.assignment] * 3 + [self.let] * 2 + [self.let_numbers]
        if depth > 0 and self.fuel > 0:
            kinds += (
                [self.condition] * 3
                + [self.choice] * 2
                + [self.loop] * 3
                + [self.dropped, self.nested, self.guarded, self.guarded]
            )
            if self.joinable(keyed=True):
                kinds += [self.loop_join] * 5
            if self.joinable(keyed=False) or self.joinable(keyed=True):
                kinds += [self.loop_joined] * 3
        return self.pick(kinds)(depth - 1)

    # ---- bindings

    def let(self, depth: int) -> str:
        """``let`` with a pattern, ``let mut``, with or without annotation."""
        shape = self.shape(2)
        annotated = self.chance(1, 2)
        value = self.text(shape, depth, annotated)
        annotation = f": {shape}" if annotated else ""
        if self.chance(1, 2):
            name = self.name()
            self.declare(Var(name, shape, mutable=True))
            return f"let mut {name}{annotation} = {value};"
        bound: Bound = []
        pattern = self.always(shape, bound)
        for var in bound:
            self.declare(var)
        return f"let {pattern}{annotation} = {value};"

    def let_numbers(self, depth: int) -> str:
        """Bindings of bare numbers: mutable ones are i32 (rule 4), others take a type at every use (rule 5)."""
        kind, name = self.below(6), self.name()
        low, high = sorted(self.pick((3, 0, 1, 2, 5, 255, -1, 256, 65535, -129, 2147483647)) for _ in range(2))
        if kind < 3:
            self.declare(Var(name, INTS["i32"], numbers=(low, low)))
            return f"let {name} = {low};"
        if kind == 3:
            other = self.name()
            if other == name:
                other += "x"
            self.declare(Var(name, INTS["i32"], numbers=(low, low)))
            self.declare(Var(other, INTS["i32"], numbers=(high, high)))
            return f"let ({name}, {other}) = ({low}, {high});"
        if kind == 4:
            self.declare(Var(name, INTS["i32"], mutable=True))
            return f"let mut {name} = {literal('i32', str(low))};"
        shape = Tup((Arr(INTS["i32"], "2", 2), BOOL))
        self.declare(Var(name, shape, mutable=True))
        return f"let mut {name} = ([{literal('i32', str(low))}, {literal('i32', str(high))}], false);"

    # ---- assignment

    def assignment(self, depth: int) -> str:
        """``place op= value`` on any visible mutable variable, with ``;``."""
        found = self.assigned(depth)
        return f"{found};" if found else "();"

    def touching(self, name: str, shape: Shape, depth: int) -> Code:
        with self.inner():
            lines = [self.assigned(depth, name) + ";", self.text(shape, depth - 1)]
        return Code(self.braces(lines), Levels.BLOCK)

    def assigned(self, depth: int, name: str = "") -> str:
        """An assignment without ``;`` (to a certain variable), or nothing when there is no mutable variable."""
        names = [self.scope[name]] if name else [var for var in self.scope.values() if var.mutable]
        if not names:
            return ""
        var = self.pick(names)
        options = self.paths_of(var)
        steps, shape = options[-1 - self.below(len(options))]
        secret = sum(isinstance(step, int) for step in steps)
        self.spend(width(var.shape) * (1 + secret))
        place = self.steps(var.name, steps, depth, sites=False)
        operator = self.operator(shape)
        if operator in ("*", "/", "%"):
            self.spend(width(shape) ** 2)
        if operator in ("<<", ">>"):
            value = self.shift_amount(depth, width(shape))
        elif not name and self.chance(1, 8):  # the place is read before the value changes it
            value = self.touching(var.name, shape, depth).text
        else:
            value = self.text(shape, depth)
        return site(f"{place} {operator}= {value}")

    def paths_of(self, var: Var) -> list[tuple[tuple[str | int, ...], Shape]]:
        """Accesses into a variable; empty arrays now and then only."""
        found = [path for path in paths(var.shape) if 0 not in path[0]]
        return list(paths(var.shape)) if self.chance(1, 10) else found

    def operator(self, shape: Shape) -> str:
        """The operator of an assignment, or nothing."""
        if isinstance(shape, Bool):
            return self.pick(("", "&", "|", "^"))
        if isinstance(shape, Int):
            bits = width(shape)
            options = ("", "^", "+", "|", "+", "&", "-", "<<", ">>", "")
            return self.pick((*options, "*", "/", "%") if self.affordable(bits * bits) else options)
        return ""

    def shift_amount(self, depth: int, bits: int) -> str:
        """What a value is shifted by, mostly little."""
        if self.chance(3, 4):
            return literal("u8", str(self.pick((1, 0, 2, 3, bits - 1, bits if self.chance(1, 3) else 4))))
        self.spend(6 * bits)
        return self.text(INTS["u8"], depth)

    # ---- control

    def condition(self, depth: int) -> str:
        """``if`` with assignments, with or without ``else``."""
        with self.header():
            head = self.test(depth)
        text = f"if {head} {self.scoped(depth)}"
        kind = self.below(5)
        if kind == 3:
            return f"{text} else {self.condition(depth - 1)}"
        return f"{text} else {self.scoped(depth)}" if kind > 3 or kind == 1 else text

    def scoped(self, depth: int, bound: Bound | None = None, copies: int = 1) -> str:
        """A block without value in which a pattern's names are visible."""
        with self.inner(copies):
            for var in bound or ():
                self.declare(var)
            return self.effects(depth)

    def nested(self, depth: int) -> str:
        """A plain block."""
        return self.scoped(depth)

    def dropped(self, depth: int) -> str:
        """An expression for its panics and assignments only."""
        shape = self.pick((self.varied(), self.varied(), BOOL))
        if self.chance(1, 2):
            return f"let _ = {self.text(shape, depth, False)};"
        text = self.text(shape, depth, False)
        return f"({text});" if plain(text)[0] == "{" else f"{text};"

    def guarded(self, depth: int) -> str:
        """``&&`` or ``||`` for what its right side does."""
        left = self.test(depth)
        return f"let _ = ({left}) {self.pick(('&&', '||'))} {self.block(BOOL, depth, True).text};"

    def arms(self, shape: Shape) -> list[tuple[str, Bound]]:
        """Patterns of an exhaustive match, sometimes with superfluous ones."""
        arms = self.cover(shape)[:8]
        if len(arms) == 8:
            arms.append(("_", []))
        for _ in self.several(0, 2):
            bound: Bound = []
            arms.insert(0, (self.maybe(shape, bound), bound))
        return arms

    def scrutinee(self, depth: int) -> tuple[Shape, str]:
        """What is matched: no array."""
        visible = [var.shape for var in self.scope.values() if not isinstance(var.shape, Arr) and not var.numbers]
        visible = [shape for shape in visible if shape != UNIT]
        options = [self.varied(), *self.named, *visible, *visible, BOOL]
        shape: Shape = self.pick([*options, Tup((self.pick(self.ints), self.pick(options)))])
        self.spend(4 * width(shape))
        with self.header():
            return shape, self.text(shape, depth, False)

    def match(self, shape: Shape, depth: int, known: bool) -> Code:
        of, head = self.scrutinee(depth)
        patterns = self.arms(of)
        decided = known or self.below(len(patterns))
        arms = []
        for number, (pattern, bound) in enumerate(patterns):
            with self.inner():
                for var in bound:
                    self.declare(var)
                self.spend(width(shape))
                body = self.expr(shape, depth if number < 3 else 0, known or number != decided)
            arms.append(self.arm(pattern, body.text))
        return Code(f"match {head} {self.braces(arms)}", Levels.BRANCH)

    def arm(self, pattern: str, body: str) -> str:
        """An arm; the comma may be omitted after a block."""
        open_end = plain(body)[0] == "{" and self.chance(1, 2)
        return f"{pattern} => {body}" + ("" if open_end else ",")

    def choice(self, depth: int) -> str:
        """``match`` as a statement."""
        of, head = self.scrutinee(depth)
        arms = []
        for number, (pattern, bound) in enumerate(self.arms(of)):
            with self.inner():
                for var in bound:
                    self.declare(var)
                alone = self.assigned(depth) if number > 1 or self.chance(1, 2) else ""
                arms.append(self.arm(pattern, alone or self.effects(depth)))
        return f"match {head} {self.braces(arms)}"

    # ---- loops

    def loop(self, depth: int) -> str:
        """``for`` over a range, an array or bare numbers."""
        kind = self.below(4)
        if kind == 0:
            start, count = self.pick((0, 1, 254)), self.pick((1, 2, 3))
            name, bound = self.name(), (start, start + count - 1)
            var = Var(name, INTS["i32"], numbers=bound)
            return f"for {name} in {start}..{start + count} {self.body(depth, [var], count)}"
        if kind == 1:
            element = self.pick((INTS["u8"], INTS["usize"], INTS["u16"], INTS["u64"]))
            count = self.pick((1, 2, 3))
            start = self.pick((0, 1, self.last_start(element, count)))
            name = self.name()
            head = self.range(element, start, count, known=False)
            return f"for {name} in {head} {self.body(depth, [Var(name, element)], count)}"
        arrays = [var.shape for var in self.scope.values() if isinstance(var.shape, Arr)]
        shape = self.pick([*arrays, self.array(self.shape(1), (2, 3, 1, 0))])
        assert isinstance(shape, Arr)
        bound: Bound = []
        with self.header():
            head = self.text(shape, depth, False)
        pattern = self.always(shape.element, bound)
        return f"for {pattern} in {head} {self.body(depth, bound, shape.count)}"

    def body(self, depth: int, bound: Bound, copies: int) -> str:
        """The body of a loop; deep loops have little in them."""
        if copies * self.copies > MOST_COPIES:
            with self.inner(max(copies, 1)):
                for var in bound:
                    self.declare(var)
                return self.braces([self.assignment(0), "()"])
        return self.scoped(depth, bound, max(copies, 1))

    # ---- joins

    def joinable(self, *, keyed: bool) -> list[tuple[Var, Var]]:
        """Pairs of visible tables (``keyed``) or sets that can be joined."""
        arrays = [var for var in self.scope.values() if isinstance(var.shape, Arr)]
        arrays = [var for var in arrays if var.table] or arrays
        return [
            (one, two)
            for one in arrays
            for two in arrays
            if one.shape.count + two.shape.count > 0  # type: ignore[union-attr]
            and self.affordable(self.join_cost(one.shape, two.shape))
            and key_of(one.shape, keyed) is not None
            and key_of(one.shape, keyed) == key_of(two.shape, keyed)
        ]

    def join_cost(self, one: Shape, two: Shape) -> int:
        """AND gates of a join, about."""
        return 2 * (width(one) + width(two)) + 20

    def loop_join(self, depth: int) -> str:
        """``for .. in join_iter(..)``."""
        one, two = self.pick(self.joinable(keyed=True))
        assert isinstance(one.shape, Arr) and isinstance(two.shape, Arr)
        self.spend(self.join_cost(one.shape, two.shape))
        bound: Bound = []
        pattern = self.always(Tup((one.shape.element, two.shape.element)), bound, 3)
        copies = min(one.shape.count, two.shape.count)
        return f"for {pattern} in join_iter({one.name}, {two.name}) {self.body(depth, bound, copies)}"

    def joined(self) -> tuple[str, Arr]:
        """``join(..)`` of two visible variables and its type."""
        keyed = bool(self.joinable(keyed=True)) and not (self.joinable(keyed=False) and self.chance(1, 2))
        one, two = self.pick(self.joinable(keyed=keyed))
        assert isinstance(one.shape, Arr) and isinstance(two.shape, Arr)
        self.spend(2 * self.join_cost(one.shape, two.shape))
        return f"join({one.name}, {two.name})", joined_shape(one.shape, two.shape, keyed=keyed)

    def loop_joined(self, depth: int) -> str:
        """``join`` bound to a variable, or iterated."""
        text, shape = self.joined()
        if self.chance(1, 3):
            name = self.name()
            self.declare(Var(name, shape, mutable=self.chance(1, 2)))
            return f"let {'mut ' if self.scope[name].mutable else ''}{name} = {text};"
        bound: Bound = []
        pattern = self.always(shape.element, bound, 3)
        return f"for {pattern} in {text} {self.body(depth, bound, shape.count)}"


def key_of(shape: Shape, keyed: bool) -> Shape | None:
    """Type of the keys of a table or set, if it is one."""
    assert isinstance(shape, Arr)
    if isinstance(shape.element, Tup) != keyed:
        return None
    if not isinstance(shape.element, Tup):
        return shape.element
    return shape.element.items[0] if shape.element.items else None


def joined_shape(one: Arr, two: Arr, *, keyed: bool) -> Arr:
    """The type of ``join`` (section 12.2)."""
    sizes = [f"{size}usize" if size.isdigit() else size for size in (one.size, two.size)]
    terms = [size[len("const { ") : -len(" }")] if size.startswith("const") else size for size in sizes]
    second = f"({terms[1]})" if " " in terms[1] else terms[1]
    row = Tup((BOOL, one.element, two.element) if keyed else (BOOL, one.element))
    return Arr(row, f"const {{ {terms[0]} + {second} - 1usize }}", one.count + two.count - 1)


def ends_open(line: str, following: str) -> bool:
    """Whether an ``if`` or ``match`` would go on with a following minus sign."""
    return line.endswith("}") and line[0] in "im" and plain(following)[:1] == "-"
