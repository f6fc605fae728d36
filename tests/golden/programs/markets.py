"""Models: auctions, votes, matching, accounts, credit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from engine.values import EnumValue, StructValue
from tests.golden.programs.model import at, checked, program, struct, unit, variant

Case = tuple[list[Any], Callable[[], Any]]


@program(HOUSE={"BIDDERS": 6})
def second_price(rng: random.Random) -> Case:
    bids = [rng.choice([0, 5, 5, 9, rng.getrandbits(32)]) for _ in range(6)]

    def result() -> tuple[int, int]:
        best = max(bids)
        return (bids.index(best), sorted(bids)[-2])

    return list(bids), result


@program()
def uniform_price(rng: random.Random) -> Case:
    orders = [(rng.randrange(5) * 100, rng.randrange(60), who) for who in range(1, 6)]
    supply = rng.randrange(200)
    given = [struct("Order", price=p, amount=a, who=w) for p, a, w in orders]

    def result() -> Any:
        left, price, fills = supply, 0, []
        for p, amount, who in sorted(orders, key=lambda order: (-order[0], order[2])):
            served = min(amount, left)
            left -= served
            price = p if served else price
            fills.append(struct("Fill", who=who, amount=served))
        return (fills, price)

    return [given, supply], result


@program()
def reserve_auction(rng: random.Random) -> Case:
    def bid() -> tuple[EnumValue, int]:
        kind, n = rng.randrange(4), rng.randrange(4)
        if kind == 0:
            return unit("Bid", "None"), 0
        if kind == 1:
            return variant("Bid", "Limit", n * 100), n * 100
        return variant("Bid", "Secret", n, kind % 2), n * 100 + kind % 2

    bids = [bid() for _ in range(3)]
    reserve = rng.choice([0, 100, 250])

    def result() -> EnumValue:
        amounts = [cents for _, cents in bids]
        best = max(amounts)
        if best < reserve or best == 0:
            return unit("Outcome", "Unsold")
        if amounts.count(best) > 1:
            return variant("Outcome", "Tie", best)
        return variant("Outcome", "Sold", amounts.index(best) + 1, best)

    return [reserve, *(value for value, _ in bids)], result


@program()
def stable_matching(rng: random.Random) -> Case:
    first, second = ([rng.sample(range(3), 3) for _ in range(3)] for _ in range(2))

    def result() -> list[int]:
        for held in ([a, b, c] for a in range(3) for b in range(3) for c in range(3) if len({a, b, c}) == 3):
            if is_stable(held) and all(is_best(held, other) for other in stable_ones()):
                return held
        raise AssertionError

    def is_stable(held: list[int]) -> bool:
        """No pair prefers each other; held[acceptor] = proposer."""
        return not any(
            first[p].index(a) < first[p].index(held.index(p)) and second[a].index(p) < second[a].index(held[a])
            for p in range(3)
            for a in range(3)
        )

    def stable_ones() -> list[list[int]]:
        every = [[a, b, c] for a in range(3) for b in range(3) for c in range(3) if len({a, b, c}) == 3]
        return [held for held in every if is_stable(held)]

    def is_best(held: list[int], other: list[int]) -> bool:
        """No proposer is better off in the other matching."""
        return all(first[p].index(held.index(p)) <= first[p].index(other.index(p)) for p in range(3))

    return [struct("Side", order=first), struct("Side", order=second)], result


@program()
def plurality(rng: random.Random) -> Case:
    def vote() -> EnumValue:
        kind = rng.randrange(8)
        if kind == 0:
            return unit("Vote", "Abstain")
        if kind == 1:
            return variant("Vote", "Spoiled", rng.random() < 0.5, rng.random() < 0.5)
        return variant("Vote", "For", rng.choice([0, 1, 2, 2, 200]))

    votes = [vote() for _ in range(7)]
    if rng.random() < 0.2:
        votes = [unit("Vote", "Abstain")] * 7

    def result() -> Any:
        ages = {0: 44, 1: 61, 2: 52}
        chosen = [v.payload[0] for v in votes if v.variant == "For" and v.payload]
        spoiled = sum(v.payload[0] != v.payload[1] for v in votes if v.variant == "Spoiled" and v.payload)
        invalid = spoiled + sum(c > 2 for c in chosen)
        counts = {c: chosen.count(c) for c in ages if chosen.count(c)}
        if not counts:
            return (unit("Result", "Nobody"), invalid)
        winner = max(counts, key=lambda c: (counts[c], ages[c]))
        return (variant("Result", "Elected", winner, counts[winner]), invalid)

    return list(votes), result


@program()
def instant_runoff(rng: random.Random) -> Case:
    ballots = [rng.sample(range(4), 4) for _ in range(5)]
    weights = [rng.randrange(1, 30) for _ in range(5)]

    def result() -> tuple[int, int]:
        active = {0, 1, 2, 3}
        for number in range(1, 5):
            tally = dict.fromkeys(active, 0)
            for ballot, weight in zip(ballots, weights):
                tally[next(c for c in ballot if c in active)] += weight
            for c in sorted(tally):
                if 2 * tally[c] > sum(weights):
                    return (c, number)
            low = min(tally.values())
            active.remove(max(c for c in tally if tally[c] == low))
        return (255, 0)

    return [ballots, weights], result


@program()
def ledger(rng: random.Random) -> Case:
    accounts = [
        struct("Account", owner=i, cents=rng.choice([0, 100, 4294967290]), frozen=rng.random() < 0.2) for i in range(4)
    ]
    transfers = [(rng.randrange(4), rng.randrange(4), rng.choice([1, 50, 100])) for _ in range(5)]
    if rng.random() < 0.15:
        transfers[2] = (rng.randrange(5), 4, 1)

    def result() -> Any:
        money = [account.fields["cents"] for account in accounts]
        frozen = [account.fields["frozen"] for account in accounts]
        rejected = 0
        for source, target, cents in transfers:
            at(money, source)
            if frozen[source] or money[source] < cents or at(frozen, target):
                rejected += 1
                continue
            money[source] -= cents
            money[target] = checked(money[target] + cents, 32)
        book = [struct("Account", owner=i, cents=money[i], frozen=frozen[i]) for i in range(4)]
        return (book, rejected)

    given = [StructValue("Transfer", dict(zip(("from", "to", "cents"), item))) for item in transfers]
    return [accounts, given], result


@program()
def credit_score(rng: random.Random) -> Case:
    ids = rng.sample(range(20), 3)
    jobs = [
        rng.choice([("None",), ("Employed", rng.randrange(8)), ("Own", rng.choice([3, 9, 10, 500]))]) for _ in range(3)
    ]
    people = [
        (rng.choice([1000, 5000, 30000, 50000] * 5 + [2000000000]), rng.choice([17, 18, 24, 25, 64, 65, 90]))
        for _ in range(3)
    ]
    register = sorted((i, rng.choice([0, 0, 1, 9]), rng.random() < 0.2) for i in rng.sample(range(20), 4))
    limit = rng.choice([10000, 100000])

    def decide(number: int) -> EnumValue:
        kind, *detail = jobs[number]
        income, age = people[number]
        points = -30
        if kind == "Employed":
            points = 0 if detail[0] < 2 else 10 if detail[0] <= 5 else 25
        elif kind == "Own":
            points = 20 if detail[0] > 9 else -5
        points += -1000 if age < 18 else -10 if age < 25 else 5 if age < 65 else -5
        entry = next((row for row in register if row[0] == ids[number]), (0, 0, False))
        points -= 4 * entry[1]
        offer = checked(3 * income, 32)
        if entry[2]:
            return variant("Decision", "Reject", 1)
        if points < -20:
            return variant("Decision", "Reject", 2)
        return unit("Decision", "Manual") if points < 10 else variant("Decision", "Accept", min(offer, limit))

    def result() -> Any:
        decisions = [decide(number) for number in range(3)]
        return (decisions, sum(d.payload[0] for d in decisions if d.variant == "Accept" and d.payload))

    customers = []
    for number, (income, age) in enumerate(people):
        kind, *detail = jobs[number]
        job = variant("Job", kind, *detail) if detail else unit("Job", kind)
        customers.append((ids[number], struct("Customer", id=ids[number], income=income, age=age, job=job)))
    return [customers, register, limit], result
