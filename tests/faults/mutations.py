"""What goes wrong in files that people edit and disks keep: strategies that damage plain data and bytes."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

WRONG = (None, True, "", "x", "../../etc/passwd", [], {}, -1, 0, 1, 2, 3, 10**12, 0.0, 0.5, -1.5, 1e300, float("nan"),
         float("inf"))


def paths(tree: Any, here: tuple = ()) -> list[tuple]:
    """The ways to every value of nested dictionaries and lists; of long lists only the first values."""
    found = [here] if here else []
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree[:4]) if isinstance(tree, list) else ()
    for key, value in inner:
        found += paths(value, (*here, key))
    return found


@st.composite
def mutated(draw: st.DrawFn, tree: Any) -> tuple[Any, tuple]:
    """The data with one to three values lost, renamed, doubled, or replaced by wrong ones; and the way to the first."""
    tree, first = copy.deepcopy(tree), ()
    for _ in range(draw(st.integers(1, 3))):
        *way, last = path = draw(st.sampled_from(paths(tree)))
        first = first or path
        parent = tree
        for key in way:
            parent = parent[key]
        change = draw(st.sampled_from(["replace", "replace", "delete", "rename", "double"]))
        if change == "replace":
            parent[last] = draw(st.sampled_from(WRONG))
        elif change == "delete":
            del parent[last]
        elif isinstance(parent, dict):
            parent[f"{last}_{change}"] = parent.pop(last) if change == "rename" else parent[last]
        else:
            parent.append(parent[last])
        if not paths(tree):
            break
    return tree, first


@st.composite
def harmed(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes cut off, with bits turned, or with bytes put in."""
    at = draw(st.integers(0, max(0, len(content) - 1)))
    return draw(st.sampled_from([
        content[:at], content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1:],
        content[:at] + draw(st.binary(min_size=1, max_size=8)) + content[at:], b""]))


def as_json(tree: Any) -> bytes:
    """NaN and infinity as Python writes them, which is no JSON."""
    return json.dumps(tree).encode()
