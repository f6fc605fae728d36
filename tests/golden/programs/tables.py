"""Models: joins, searches, sorting, state machines, games, dynamic programming."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from engine.values import EnumValue
from tests.golden.programs.model import at, checked, program, put, quotient, struct, unit, variant, wrapped

Case = tuple[list[Any], Callable[[], Any]]


@program()
def join_columns(rng: random.Random) -> Case:
    keys = [(region, product) for region in range(2) for product in (1, 300, 65535)]
    sales = [(key, rng.randrange(256)) for key in sorted(rng.sample(keys, 5))]
    prices = [(key, rng.getrandbits(16), rng.random() < 0.7) for key in sorted(rng.sample(keys, 4))]

    def result() -> tuple[int, int]:
        pieces = dict(sales)
        both = [(pieces[key], cents, active) for key, cents, active in prices if key in pieces]
        return (sum(n * cents for n, cents, active in both if active), sum(not active for _, _, active in both))

    left = [struct("Sale", region=key[0], product=key[1], pieces=n) for key, n in sales]
    right = [struct("Price", product=key[1], region=key[0], cents=c, active=active) for key, c, active in prices]
    return [left, right], result


@program(A={"N": 7, "COUNT": 7}, B={"N": 4, "COUNT": 4})
def similarity(rng: random.Random) -> Case:
    a, b = (sorted(rng.sample([*range(9), 500, 65535], size)) for size in (7, 4))

    def result() -> tuple[int, int, int]:
        common, union = len({*a} & {*b}), len({*a} | {*b})
        return (common, union, common * 1000 // union)

    return [a, b], result


@program()
def joined_rows(rng: random.Random) -> Case:
    stock = [(key, rng.randrange(30)) for key in sorted(rng.sample(range(7), 4))]
    orders = [(key, rng.randrange(30), rng.random() < 0.6) for key in sorted(rng.sample(range(7), 3))]

    def result() -> Any:
        matches = [(True, s, o) for s in stock for o in orders if s[0] == o[0]]
        rows = [(False, (0, 0), (0, 0, False))] * (6 - len(matches)) + matches
        missing = sum(max(o[1] - s[1], 0) for _, s, o in matches if o[2])
        return (rows, missing, 4 - len(matches))

    return [stock, orders], result


@program()
def sorting_network(rng: random.Random) -> Case:
    keys = rng.sample(range(-32768, 32767), 8)
    records = [struct("Record", key=key, payload=(rng.randrange(256), rng.random() < 0.5)) for key in keys]
    descending = rng.random() < 0.5

    def result() -> Any:
        return sorted(records, key=lambda record: record.fields["key"], reverse=descending)

    return [records, descending], result


@program()
def substring(rng: random.Random) -> Case:
    text = [rng.choice(b"ab") for _ in range(10)]
    pattern = [rng.choice(b"ab?") for _ in range(3)]

    def result() -> Any:
        hits = [i for i in range(8) if all(p in (63, t) for p, t in zip(pattern, text[i : i + 3]))]
        return (variant("Found", "At", hits[0]) if hits else unit("Found", "No"), len(hits))

    return [text, pattern], result


@program()
def binary_search(rng: random.Random) -> Case:
    table = [(key, rng.randint(-128, 127)) for key in sorted(rng.sample(range(60), 11))]
    key = rng.choice([0, 59, 65535, rng.choice(table)[0], rng.choice(table)[0]])

    def result() -> Any:
        place = sum(row[0] < key for row in table)
        return (True, place, dict(table)[key]) if key in dict(table) else (False, place, 0)

    return [table, key], result


@program()
def vending_machine(rng: random.Random) -> Case:
    def event() -> EnumValue:
        kind = rng.choice(["Coin", "Coin", "Choose", "Choose", "Cancel", "Kick"][: rng.choice([5, 6])])
        if kind in ("Cancel", "Kick"):
            return unit("Event", kind)
        return variant("Event", kind, rng.choice([50, 100, 200]) if kind == "Coin" else rng.choice([0, 1, 2, 3, 255]))

    events, stock = [event() for _ in range(6)], [rng.randrange(3) for _ in range(3)]

    def result() -> Any:
        prices, left, sold, returned = [120, 200, 80], list(stock), [0] * 3, 0
        paid: int | None = None
        for step in events:
            (value,) = step.payload or (0,)
            if step.variant == "Kick":
                return (unit("State", "Broken"), struct("Log", sold=sold, returned=returned))
            if step.variant == "Coin":
                paid = (paid or 0) + value
            elif step.variant == "Cancel":
                returned, paid = returned + (paid or 0), None
            elif paid is not None and value < 3 and left[value] and paid >= prices[value]:
                left[value] -= 1
                sold[value] += 1
                returned, paid = returned + paid - prices[value], None
        state = unit("State", "Idle") if paid is None else variant("State", "Paid", paid)
        return (state, struct("Log", sold=sold, returned=returned))

    return [events, stock], result


@program()
def stack_machine(rng: random.Random) -> Case:
    code: list[tuple[str, int]] = []
    depth = 0
    for _ in range(7):
        names = ["Push", "Push", "Dup", "Add", "Sub", "Mul", "Div", "Swap", "Nop"]
        if depth == 0 and rng.random() < 0.95:
            names = ["Push", "Dup", "Nop"]
        name = rng.choice(names)
        depth += {"Push": 1, "Dup": 1, "Swap": 0, "Nop": 0}.get(name, -1)
        code.append((name, rng.choice([0, 1, -1, 7, 7, 12, 300, -32768]) if name == "Push" else 0))
    start = rng.choice([3, -32768, 200])

    def result() -> tuple[int, int]:
        stack, top = [start, 0, 0, 0], 0
        for name, value in code:
            if name in ("Push", "Dup"):
                top += 1
                at(stack, top)
                stack[top] = value if name == "Push" else stack[top - 1]
            elif name == "Swap":
                below = checked(top - 1, 32)
                stack[top], stack[below] = stack[below], stack[top]
            elif name != "Nop":
                right = stack[top]
                top = checked(top - 1, 32)
                left = stack[top]
                if name == "Div":
                    stack[top] = wrapped(quotient(left, right), 16)
                else:
                    found = {"Add": left + right, "Sub": left - right, "Mul": left * right}[name]
                    stack[top] = checked(found, 16, signed=True)
        return (stack[top], top)

    given = [variant("Op", name, value) if name == "Push" else unit("Op", name) for name, value in code]
    return [given, start], result


@program()
def knapsack(rng: random.Random) -> Case:
    items = [(rng.randrange(1, 15), rng.randrange(256)) for _ in range(4)]
    capacity = rng.choice([13, *range(13), *range(13)])

    def result() -> int:
        at(range(13), capacity)
        chosen = ([item for bit, item in enumerate(items) if mask >> bit & 1] for mask in range(16))
        return max(sum(v for _, v in some) for some in chosen if sum(w for w, _ in some) <= capacity)

    return [items, capacity], result


@program()
def edit_distance(rng: random.Random) -> Case:
    words = [[rng.choice(b"abc") for _ in range(rng.randrange(6))] for _ in range(2)]

    def distance(a: list[int], b: list[int]) -> int:
        if not a or not b:
            return len(a) + len(b)
        replaced = distance(a[1:], b[1:]) + (a[0] != b[0])
        return min(replaced, distance(a[1:], b) + 1, distance(a, b[1:]) + 1)

    return [word + [0] * (5 - len(word)) for word in words], lambda: distance(*words)


@program()
def tic_tac_toe(rng: random.Random) -> Case:
    moves = rng.sample(range(9), 9)
    if rng.random() < 0.4:
        moves[rng.randrange(9)] = rng.randrange(12)

    def result() -> EnumValue:
        sets: tuple[set[int], set[int]] = (set(), set())
        lines = [{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {0, 3, 6}, {1, 4, 7}, {2, 5, 8}, {0, 4, 8}, {2, 4, 6}]
        for turn, cell in enumerate(moves):
            if cell > 8 or cell in sets[0] | sets[1]:
                return variant("Game", "Invalid", turn)
            sets[turn % 2].add(cell)
            if any(line <= sets[turn % 2] for line in lines):
                return variant("Game", "Won", turn % 2 == 1)
        return unit("Game", "Draw")

    return [moves[0::2], moves[1::2]], result


@program()
def sudoku(rng: random.Random) -> Case:
    base = [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]]
    digits = rng.sample(range(1, 5), 4)
    grid = [[digits[n - 1] for n in row] for row in base]
    clues = [[rng.choice([0, 0, n]) for n in row] for row in grid]
    if rng.random() < 0.5:
        grid[rng.randrange(4)][rng.randrange(4)] = rng.choice([0, 1, 2, 3, 4, 7, 8])

    def result() -> Any:
        boxes = [[grid[r + i][c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
        groups = [*grid, *map(list, zip(*grid)), *boxes]
        for group in groups[:4]:
            for n in group:
                checked(0 if n < 8 else -1, 8)
        pairs = [(clue, n) for clue_row, row in zip(clues, grid) for clue, n in zip(clue_row, row) if clue]
        valid = all(sorted(group) == [1, 2, 3, 4] for group in groups) and all(clue == n for clue, n in pairs)
        return (valid, sum(clue == n for clue, n in pairs))

    return [grid, clues], result


@program()
def priority_queue(rng: random.Random) -> Case:
    commands = [rng.choice([0, 0, rng.randrange(1, 255), rng.randrange(1, 255)]) for _ in range(6)]
    first = rng.randrange(255)

    def result() -> Any:
        heap, out = [first], [0] * 6
        for step, c in enumerate(commands):
            if c:
                heapq.heappush(heap, c)
            else:
                put(out, step, heap[0] if heap else 255)
                checked(len(heap) - 1, 32)
                heapq.heappop(heap)
        return (out, len(heap))

    return [commands, first], result
