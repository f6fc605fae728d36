"""Lowering of calls, blocks, branches, matches and loops (sections 7, 9 to 11, 14)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from engine.garble import typed as t
from engine.garble.lower_base import Lits, one, unit
from engine.garble.lower_joins import JoinLowering, needs_match
from engine.values import ArrayType, IntType


class ControlLowering(JoinLowering):
    """Everything that decides what is executed, and how often."""

    def run(self, function: t.TypedFunction, arguments: list[Lits]) -> Lits:
        """The result of a call."""
        for parameter, word in zip(function.parameters, arguments):
            self.declare(parameter, word)
        return self.expr(function.body)

    def on_CallOf(self, node: t.CallOf) -> Lits:
        arguments = [self.expr(argument) for argument in node.arguments]
        return self.run(self.functions[node.name], arguments)

    def on_BlockOf(self, node: t.BlockOf) -> Lits:
        value = unit()
        for statement in node.statements:
            value = self.expr(statement)
        return value if node.has_value else unit()

    def on_LetBind(self, node: t.LetBind) -> Lits:
        self.bind(node.pattern, self.expr(node.value))
        return unit()

    def on_ForEach(self, node: t.ForEach) -> Lits:
        if isinstance(node.iterable, t.JoinOf) and needs_match(node.pattern, node.body):
            return self.for_matches(node, node.iterable)
        word = self.expr(node.iterable)
        type_ = self.type_of(node.iterable)
        assert isinstance(type_, ArrayType)
        for row in word.reshape(type_.size, type_.element.bits):
            self.bind(node.pattern, row)
            self.expr(node.body)
        return unit()

    # ---- branches

    def on_Logic(self, node: t.Logic) -> Lits:
        chain = [node]  # as with other operators, a long chain is walked in a loop
        while isinstance(chain[-1].left, t.Logic):
            chain.append(chain[-1].left)
        word = self.expr(chain[-1].left)
        for link in reversed(chain):
            word = self.within(link, self._decide, link, int(word[0]))
        return word

    def _decide(self, node: t.Logic, left: int) -> Lits:
        """``&&`` or ``||`` after its left operand."""
        left = self.state.given(left)
        decided = left ^ int(node.operator == "&&")  # true when the right side is not evaluated
        if decided == 1:
            return one(left)
        if decided == 0:
            return one(self.bit(node.right))
        self.state.enter(decided ^ 1)
        right = self.bit(node.right)
        self.state.leave()
        combine = self.builder.and_ if node.operator == "&&" else self.builder.or_
        return one(int(combine(left, right)))

    def on_Branch(self, node: t.Branch) -> Lits:
        condition = self.state.given(self.bit(node.condition))
        otherwise = node.otherwise
        if condition < 2:
            if condition == 1:
                return self.expr(node.then)
            return self.expr(otherwise) if otherwise is not None else unit()
        if otherwise is None:
            self.state.enter(condition)
            self.expr(node.then)
            self.state.leave()
            return unit()
        last = otherwise
        return self.either(node, condition, lambda: self.expr(node.then), lambda: self.expr(last))

    def either(self, node: t.Expr, condition: int, first: Callable[[], Lits], second: Callable[[], Lits]) -> Lits:
        """The value of one of two alternatives of an expression, with what they assigned merged."""
        self.state.enter(condition)
        yes = first()
        scope, results = self.state.suspend()
        self.state.enter(condition ^ 1)
        no = second()
        self.state.join(scope, results, condition)
        if not len(yes):
            return unit()
        type_ = self.type_of(node)
        if not isinstance(type_, IntType):
            return self.builder.mux(condition, yes, no)
        chosen = self.state.relations.choose(self.builder, condition, yes, no)
        self.ranges.join(chosen, type_.signed, [yes, no])
        return chosen

    def on_MatchOn(self, node: t.MatchOn) -> Lits:
        word = self.expr(node.value)
        if exclusive([pattern for pattern, _ in node.arms[:-1]]) and all(is_literal(body) for _, body in node.arms):
            return self.looked_up(node, word)
        return self.arms(node, word, 0)

    def looked_up(self, node: t.MatchOn, word: Lits) -> Lits:
        """A match that chooses one of some numbers by patterns of which at most one matches: XORs of conditions."""
        result = last = self.expr(node.arms[-1][1])
        for pattern, body in node.arms[:-1]:
            change = self.builder.xor(self.expr(body), last)
            result = self.builder.xor(result, self.builder.and_(self.state.given(self.matches(pattern, word)), change))
        return result

    def arms(self, node: t.MatchOn, word: Lits, number: int) -> Lits:
        """The arms from one on: the first that matches is taken, the last one matches always."""
        pattern, body = node.arms[number]
        last = number == len(node.arms) - 1
        condition = 1 if last else self.state.given(self.matches(pattern, word))
        if condition == 0:
            return self.arms(node, word, number + 1)

        def taken() -> Lits:
            self.bind(pattern, word)
            return self.expr(body)

        if condition == 1:
            return taken()
        return self.either(node, condition, taken, lambda: self.arms(node, word, number + 1))


def is_literal(node: t.Expr) -> bool:
    """A literal or constant, or a block with nothing else."""
    while isinstance(node, t.BlockOf) and len(node.statements) == 1 and node.has_value:
        only = node.statements[0]
        if isinstance(only, t.LetBind | t.AssignTo | t.ForEach | t.ForJoin):
            return False
        node = only
    return isinstance(node, t.Lit | t.ConstUse)


def exclusive(patterns: list[t.Pattern]) -> bool:
    """Whether at most one of these patterns matches any value: different variants, or ranges that do not overlap."""
    if all(isinstance(pattern, t.PVariant) for pattern in patterns):
        variants = [pattern.variant for pattern in patterns if isinstance(pattern, t.PVariant)]
        return len(set(variants)) == len(variants)
    ranges = sorted((pattern.low, pattern.high) for pattern in patterns if isinstance(pattern, t.PRange))
    return len(ranges) == len(patterns) and all(one[1] < two[0] for one, two in pairwise(ranges))
