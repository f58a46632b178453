"""Damage to files that people edit and disks store: strategies for plain data and for bytes.

Each example is a seed. Hypothesis' own choices start with the simplest ones, which would be nearly
all the same here.
"""

import copy
import json
from random import Random
from typing import Any

from hypothesis import strategies as st

WRONG = (
    None,
    True,
    "",
    "x",
    "../../etc/passwd",
    [],
    {},
    -1,
    0,
    1,
    2,
    3,
    10**12,
    0.0,
    0.5,
    -1.5,
    1e300,
    float("nan"),
    float("inf"),
)
SEEDS = st.integers(0, 2**32 - 1)


def mutated(tree: Any) -> st.SearchStrategy[tuple[Any, tuple]]:
    """The data with one or two values changed, and the path of the first.

    A value is removed, renamed, doubled, or replaced by a similar or a wrong one.
    """
    return SEEDS.map(lambda seed: mutate(copy.deepcopy(tree), Random(seed)))


def harmed(content: bytes) -> st.SearchStrategy[bytes]:
    """The bytes cut off, with one bit changed, or with bytes inserted."""
    return SEEDS.map(lambda seed: harm(content, Random(seed)))


def mutate(tree: Any, chance: Random) -> tuple[Any, tuple]:
    first = ()
    for _ in range(chance.randint(1, 2)):
        *way, last = path = chance.choice(paths(tree))
        first = first or path
        parent = tree
        for key in way:
            parent = parent[key]
        change = chance.choice(["replace", "nudge", "nudge", "nudge", "delete", "rename", "double"])
        if change == "nudge":
            parent[last] = chance.choice(nearby(parent[last]))
        elif change == "replace":
            parent[last] = chance.choice(WRONG)
        elif change == "delete":
            del parent[last]
        elif isinstance(parent, dict):
            parent[f"{last}_{change}"] = parent.pop(last) if change == "rename" else parent[last]
        else:
            parent.append(parent[last])
        if not paths(tree):
            break
    return tree, first


def harm(content: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(content))
    return chance.choice(
        [
            content[:at],
            content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :],
            content[:at] + chance.randbytes(chance.randint(1, 8)) + content[at:],
        ]
    )


def paths(tree: Any, here: tuple = ()) -> list[tuple]:
    """The paths of all values in nested dictionaries and lists; in long lists of the first only."""
    found = [here] if here else []
    inner = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree[:4])
        if isinstance(tree, list)
        else ()
    )
    for key, value in inner:
        found += paths(value, (*here, key))
    return found


def nearby(value: Any) -> list[Any]:
    """Values that somebody might write instead."""
    if isinstance(value, bool) or value is None:
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value - 1, value * 2, value // 2, float(value), -value]
    if isinstance(value, str):
        return [value.upper(), value[:-1], f"{value} ", "small", "red"]
    return [value[:-1], value[::-1], value + value] if isinstance(value, list) else [{}]


def as_json(tree: Any) -> bytes:
    """NaN and infinity as Python writes them, which JSON does not have."""
    return json.dumps(tree).encode()
