"""Well-typed expressions.

``known`` tells that the context decides the type (section 6 rule 1), so that bare numbers may stand there; otherwise
at least one operand has to (rule 2).
"""

from __future__ import annotations

from collections.abc import Callable

from tests.property.choices import Code, Function, Levels, Writer, paths
from tests.property.marked import literal, plain, site
from tests.property.shapes import BOOL, INTS, UNIT, USIZE, Arr, Bool, Enum, Int, Shape, Struct, Tup, width

LEVEL = {"||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, ">": 4, "<=": 4, ">=": 4, "|": 5, "^": 6, "&": 7}
LEVEL |= {"<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10}
ARITHMETIC = ("+", "-", "*", "/", "%")
ORDER = ("<", ">", "<=", ">=")
Rule = Callable[[Shape, int, bool], Code]


class Expressions(Writer):
    """Expressions of any type."""

    def expr(self, shape: Shape, depth: int, known: bool = True) -> Code:
        """An expression of a type."""
        self.fuel -= 1
        if depth <= 0 or self.fuel <= 0 or not self.chance(3, 4):
            return self.leaf(shape, known)
        return self.pick(self.rules(shape))(shape, depth - 1, known)

    def text(self, shape: Shape, depth: int, known: bool = True) -> str:
        """An expression where any strength will do."""
        return self.expr(shape, depth, known).text

    def operand(self, code: Code, level: int) -> str:
        """An expression as operand of something that binds with ``level``."""
        return f"({code.text})" if code.level < level or self.chance(1, 16) else code.text

    def rules(self, shape: Shape) -> list[Rule]:
        """What may be built for a type."""
        common: list[Rule] = [self.branch, self.match, self.block, self.access]
        if self.callable(shape):
            common += [self.call] * 6
        if isinstance(shape, Int):
            numeric: list[Rule] = [self.arithmetic] * 4 + [self.bitwise] * 3 + [self.shift, self.unary, self.cast]
            return [*numeric, self.cast, *common, self.access, self.access]
        if isinstance(shape, Bool):
            logic: list[Rule] = [self.order] * 4 + [self.equality] * 3 + [self.logic] * 4
            return [*logic, self.bitwise, self.unary, self.cast, *common]
        if isinstance(shape, Arr):
            return [self.composite, self.repeat, *common]
        return [self.composite, self.composite, *common]

    # ---- leaves

    def leaf(self, shape: Shape, known: bool) -> Code:
        """A variable, a part of one, a constant or a literal."""
        found = [(var, steps) for var, steps in self.places(shape) if all(isinstance(step, str) for step in steps)]
        found += [(var, steps) for var, steps in found if var.given] * 3
        constants = [name for name, of in self.constants.items() if of == shape and name not in self.scope]
        numbers = self.bare(shape) if known else []
        options = len(found) + len(constants) + len(numbers)
        chosen = self.below(options + (1 + options // 6 if self.has_literal(shape) else 0))
        if chosen < len(found):
            var, steps = found[chosen]
            return Code(var.name + "".join(map(str, steps)), Levels.POSTFIX)
        chosen -= len(found)
        if chosen < len(constants):
            return Code(constants[chosen], Levels.POSTFIX)
        chosen -= len(constants)
        if chosen < len(numbers):
            return Code(literal(str(shape), numbers[chosen]), Levels.POSTFIX)
        return self.composite(shape, 0, known)

    def bare(self, shape: Shape) -> list[str]:
        """Names bound to bare numbers that fit an integer type."""
        if not isinstance(shape, Int):
            return []
        ranges = [(var.name, var.numbers) for var in self.scope.values() if var.numbers is not None]
        return [name for name, (low, high) in ranges if shape.low <= low and high <= shape.high]

    def has_literal(self, shape: Shape) -> bool:
        """Whether a value can be written: arrays need a size that a literal can have."""
        if isinstance(shape, Arr):
            return not shape.size.startswith("const") and self.has_literal(shape.element)
        if isinstance(shape, Tup):
            return all(map(self.has_literal, shape.items))
        return True

    def number(self, shape: Int, known: bool) -> Code:
        """An integer literal, with or without suffix."""
        value = self.value(shape)
        if known and not self.chance(1, 4):
            return Code(literal(str(shape), str(value)), Levels.POSTFIX)
        return Code(f"{value}{shape}", Levels.POSTFIX)

    def value(self, shape: Int) -> int:
        """A number of the type, mostly small, often at its ends."""
        small = self.below(14)
        if small < 9:
            return small
        if small < 11 and shape.signed:
            return 8 - small  # -1, -2
        return self.pick((shape.high, shape.low, shape.high - 1, shape.low + 1, shape.high // 3, 100))

    def composite(self, shape: Shape, depth: int, known: bool) -> Code:
        """A literal, its parts any expressions."""
        if isinstance(shape, Bool):
            return Code(self.pick(("false", "true")), Levels.POSTFIX)
        if isinstance(shape, Int):
            return self.number(shape, known)
        if isinstance(shape, Arr):
            if shape.size != str(shape.count) or shape.count == 0 or self.chance(1, 6):
                return self.repeat(shape, depth, known)
            decided = known or self.below(shape.count)
            items = [self.text(shape.element, depth, known or n != decided) for n in range(shape.count)]
            return Code(f"[{', '.join(items)}{',' * self.chance(1, 8)}]", Levels.POSTFIX)
        if isinstance(shape, Tup):
            items = [self.text(item, depth, known) for item in shape.items]
            return Code(f"({', '.join(items)}{',' * (len(items) == 1)})", Levels.POSTFIX)
        if isinstance(shape, Struct):
            return self.struct(shape, depth)
        return self.enum(shape, depth)

    def struct(self, shape: Struct, depth: int) -> Code:
        """A struct literal, fields in any order."""
        fields = []
        for name, item in sorted(shape.fields, key=lambda field: self.below(4)):
            var = self.scope.get(name)
            if var is not None and var.shape == item and var.numbers is None and self.chance(1, 2):
                fields.append(name)
            else:
                fields.append(f"{name}: {self.text(item, depth)}")
        text = f"{shape.name} {{{', '.join(fields)}}}"
        return Code(f"({text})" if self.in_header else text, Levels.POSTFIX)

    def enum(self, shape: Enum, depth: int) -> Code:
        """An enum literal."""
        name, payload = self.pick(shape.variants)
        text = f"{shape.name}::{name}"
        if payload is not None:
            text += f"({', '.join(self.text(item, depth) for item in payload)})"
        return Code(text, Levels.POSTFIX)

    def repeat(self, shape: Shape, depth: int, known: bool) -> Code:
        """``[value; size]``, or a range where it fits."""
        assert isinstance(shape, Arr)
        if shape.size.startswith("const"):
            return self.leaf(shape, known)
        element = shape.element
        ranged = isinstance(element, Int) and not element.signed and shape.size == str(shape.count) and shape.count
        if ranged and self.chance(1, 3):
            assert isinstance(element, Int)
            start = self.pick((0, 1, self.last_start(element, shape.count)))
            return Code(self.range(element, start, shape.count, known), Levels.BLOCK)
        return Code(f"[{self.text(element, depth, known)}; {shape.size}]", Levels.POSTFIX)

    def last_start(self, element: Int, count: int) -> int:
        """Where a range begins whose last number is the largest of the type; for u64 the end is no number."""
        return element.high + (width(element) < 64) - count

    def range(self, element: Int, start: int, count: int, known: bool) -> str:
        """``start..end``, a suffix on one end is enough."""
        if known and self.chance(1, 2) and start + count <= element.high:
            return literal(str(element), f"{start}..{start + count}")
        if start + count > element.high:  # one more than the largest value is no literal of the type
            return f"{start}{element}..{start + count}"
        return self.pick((f"{start}{element}..{start + count}", f"{start}..{start + count}{element}"))

    # ---- operators

    def binary(self, operator: str, left: Code, right: Code) -> Code:
        """An operator between two operands, with its position."""
        level = LEVEL[operator]
        first, second = self.operand(left, level), self.operand(right, level + 1)
        gap = "" if operator == "-" and self.chance(1, 8) and plain(first)[-1] != "}" else " "
        text = f"{first}{gap}{operator}{gap}{second}"
        return Code(text if operator in ("&&", "||") else site(text), level)

    def operands(self, shape: Shape, depth: int, known: bool) -> tuple[Code, Code]:
        """Two operands of one type, of which one decides the type if the context does not."""
        decided = self.below(2)
        return self.expr(shape, depth, known or decided == 1), self.expr(shape, depth, known or decided == 0)

    def arithmetic(self, shape: Shape, depth: int, known: bool) -> Code:
        bits = width(shape)
        operator = self.pick(ARITHMETIC if self.affordable(bits * bits) else ("+", "-"))
        self.spend(bits if operator in "+-" else bits * bits)
        if operator in "/%" and self.chance(1, 2):  # by a number, which is rarely zero
            return self.binary(operator, self.expr(shape, depth, known), self.number(shape, known=True))
        return self.either(operator, shape, depth, known)

    def either(self, operator: str, shape: Shape, depth: int, known: bool) -> Code:
        """Two operands; now and then the right one changes the variable that the left one reads."""
        mutable = [var.name for var in self.scope.values() if var.mutable and var.shape == shape]
        if mutable and self.chance(1, 5):
            name = self.pick(mutable)
            return self.binary(operator, Code(name, Levels.POSTFIX), self.touching(name, shape, depth))
        return self.binary(operator, *self.operands(shape, depth, known))

    def touching(self, name: str, shape: Shape, depth: int) -> Code:
        """A block that assigns to a certain variable before it gives a value."""
        raise NotImplementedError

    def bitwise(self, shape: Shape, depth: int, known: bool) -> Code:
        self.spend(width(shape))
        return self.either(self.pick(("&", "|", "^")), shape, depth, known)

    def shift(self, shape: Shape, depth: int, known: bool) -> Code:
        left = self.expr(shape, depth, known)
        if self.chance(2, 3):
            amount = str(self.pick((1, 2, 3, width(shape) - 1, 0, width(shape) if self.chance(1, 3) else 4)))
            right = Code(literal("u8", amount) if self.chance(1, 2) else amount + "u8", Levels.POSTFIX)
        else:
            self.spend(6 * width(shape))
            right = self.expr(INTS["u8"], depth)
        return self.binary(self.pick(("<<", ">>")), left, right)

    def unary(self, shape: Shape, depth: int, known: bool) -> Code:
        if isinstance(shape, Int) and shape.signed and self.chance(1, 2):
            self.spend(width(shape))
            return Code("-" + self.operand(self.expr(shape, depth, known=False), Levels.BRANCH), Levels.UNARY)
        return Code("!" + self.operand(self.expr(shape, depth, known), Levels.BRANCH), Levels.UNARY)

    def cast(self, shape: Shape, depth: int, known: bool) -> Code:
        if self.chance(1, 8):  # a bare number is one of 32 bits
            number = self.pick((300, 2, 1, -1, 4294967295, -2147483648, 65535))
            operand = literal("32", str(number))
        else:
            source = self.pick((self.varied(), self.varied(), BOOL, self.pick(tuple(INTS.values()))))
            operand = self.operand(self.expr(source, depth, known=False), Levels.CAST)
        return Code(f"{operand} as {shape}", Levels.CAST)

    def order(self, shape: Shape, depth: int, known: bool) -> Code:
        of = self.varied()
        self.spend(width(of))
        return self.binary(self.pick(ORDER), *self.operands(of, depth, known=False))

    def varied(self) -> Int:
        """An integer type, mostly one of which there are variables that are no constants to the compiler."""
        inputs = [end for var in self.scope.values() if var.given or var.mutable for _, end in paths(var.shape)]
        found = [end for end in inputs if isinstance(end, Int)]
        return self.pick(found) if found and self.chance(7, 8) else self.pick(self.ints)

    def given_place(self, shape: Shape, depth: int) -> Code | None:
        """A parameter, or a part of one."""
        found = [(var, steps) for var, steps in self.places(shape) if var.given]
        if not found:
            return None
        var, steps = self.pick(found)
        return Code(self.steps(var.name, steps, depth, sites=True), Levels.POSTFIX)

    def equality(self, shape: Shape, depth: int, known: bool) -> Code:
        if self.chance(1, 12):  # nothing decides: numbers of 32 bits
            left, right = (Code(literal("32", str(self.below(4))), Levels.POSTFIX) for _ in range(2))
            return self.binary(self.pick(("==", "!=")), left, right)
        of: Shape = self.pick([*self.ints, BOOL, *self.named, Tup((self.pick(self.ints), BOOL)), UNIT])
        if self.scope and self.chance(1, 3):
            of = self.pick([var.shape for var in self.scope.values()])
        self.spend(width(of))
        return self.binary(self.pick(("==", "!=")), *self.operands(of, depth, known=False))

    def test(self, depth: int) -> str:
        """A condition, mostly one that compares something."""
        if self.chance(1, 4):
            return self.text(BOOL, depth)
        of = self.varied()
        left = None if self.chance(1, 3) else self.given_place(of, depth)
        if left is None:
            return self.pick((self.order, self.equality, self.logic))(BOOL, depth, True).text
        self.spend(width(of))
        return self.binary(self.pick((*ORDER, "==", "!=")), left, self.expr(of, depth)).text

    def logic(self, shape: Shape, depth: int, known: bool) -> Code:
        left = self.expr(BOOL, depth)
        if self.chance(1, 2):
            right = Code(self.block(BOOL, depth, True).text, self.pick((Levels.POSTFIX, Levels.BLOCK)))
        else:
            right = self.expr(BOOL, depth)
        return self.binary(self.pick(("&&", "||")), left, right)

    # ---- access and calls

    def access(self, shape: Shape, depth: int, known: bool) -> Code:
        """A part of a variable, or of a value that is built for it."""
        found = [(var, steps) for var, steps in self.places(shape) if steps]
        if found and not self.chance(1, 4):
            var, steps = self.pick(found)
            self.spend(width(var.shape) if any(isinstance(step, int) for step in steps) else 0)
            return Code(self.steps(var.name, steps, depth, sites=True), Levels.POSTFIX)
        kind = self.below(3 if self.has_literal(shape) else 0)
        structs = [item for item in self.named if isinstance(item, Struct) and shape in dict(item.fields).values()]
        if kind == 0 and structs:
            struct = self.pick(structs)
            name = self.pick([name for name, item in struct.fields if item == shape])
            return Code(f"{self.operand(self.expr(struct, depth, False), Levels.POSTFIX)}.{name}", Levels.POSTFIX)
        if kind == 1:
            pair = Tup((self.pick(self.ints), shape))
            base = self.expr(pair, depth, known=False)
            return Code(f"{self.operand(base, Levels.POSTFIX)}.1", Levels.POSTFIX)
        if not self.has_literal(shape):
            return self.leaf(shape, known)
        array = self.array(shape, (2, 3))
        self.spend(width(array))
        base = self.operand(self.expr(array, depth, known=False), Levels.POSTFIX)
        return Code(site(f"{base}[{self.index(array.count, depth)}]"), Levels.POSTFIX)

    def steps(self, text: str, steps: tuple[str | int, ...], depth: int, *, sites: bool) -> str:
        """Accesses one behind the other; only in expressions each of them is a site."""
        name, mutable = text, self.scope[text].mutable
        for step in steps:
            if isinstance(step, int):
                touched = mutable and self.chance(1, 10)
                index = self.touching(name, USIZE, depth).text if touched else self.index(step, depth)
                text = f"{text}[{index}]"
                text = site(text) if sites else text
            else:
                text += step
        return text

    def index(self, count: int, depth: int) -> str:
        """An index, mostly inside."""
        kind = self.below(8)
        if kind < 2:
            number = str(self.below(count) if count and not self.chance(1, 12) else count)
            return literal("usize", number)
        if kind < 5 and count:
            return self.binary(
                "%", self.expr(USIZE, depth, False), Code(literal("usize", str(count)), Levels.POSTFIX)
            ).text
        if kind < 7:
            base = self.operand(self.expr(self.varied(), depth, False), Levels.CAST)
            return f"{base} as usize"
        return self.text(USIZE, depth)

    def callable(self, shape: Shape) -> list[int]:
        """Numbers of the functions that give a type and can be called here."""
        found = enumerate(self.functions)
        return [number for number, function in found if function.result == shape and self.reachable(function)]

    def reachable(self, function: Function) -> bool:
        """Whether a function can be called here."""
        arguments = all(self.has_literal(item) or self.places(item) for item in function.parameters)
        return arguments and self.affordable(function.cost)

    def call(self, shape: Shape, depth: int, known: bool) -> Code:
        function = self.functions[self.pick(self.callable(shape))]
        self.called.add(function.name)
        self.spend(function.cost)
        arguments = [self.argument(item, depth) for item in function.parameters]
        return Code(f"{function.name}({', '.join(arguments)})", Levels.POSTFIX)

    def argument(self, shape: Shape, depth: int) -> str:
        """An argument; tables go to parameters that are joined."""
        tables = [var.name for var in self.scope.values() if var.table and var.shape == shape]
        if tables and self.chance(7, 8):
            return self.pick(tables)
        return self.text(shape, depth)

    # ---- control

    def branch(self, shape: Shape, depth: int, known: bool) -> Code:
        self.spend(width(shape))
        with self.header():
            condition = self.test(depth)
        decided = self.below(2)
        then = self.block(shape, depth, known or decided == 1).text
        if self.chance(1, 4):
            other = self.branch(shape, depth - 1, known or decided == 0).text
        else:
            other = self.block(shape, depth, known or decided == 0).text
        return Code(f"if {condition} {then} else {other}", Levels.BRANCH)

    def match(self, shape: Shape, depth: int, known: bool) -> Code:
        raise NotImplementedError

    def block(self, shape: Shape, depth: int, known: bool) -> Code:
        raise NotImplementedError
