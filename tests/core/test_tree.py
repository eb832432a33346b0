"""The fixed tree: the same shape whoever holds which blocks, and whatever comes first."""

from __future__ import annotations

import itertools
import random
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardlearn.core.tree import Counter, Node, Tree, aligned, depth, merged

Shape: TypeAlias = "tuple[Shape, Shape] | int"


def pair(left: Shape, right: Shape) -> Shape:
    """Free merge: the answer is the tree itself."""
    return left, right


def definition(answers: dict[int, Shape], level: int, index: int) -> Shape | None:
    if level == 0:
        return answers.get(index)
    left, right = (definition(answers, level - 1, 2 * index + side) for side in (0, 1))
    return merged(pair, left, right)


@given(
    first=st.integers(0, 40), count=st.integers(1, 70), seed=st.integers(0, 10**6), share=st.sampled_from([1, 0.5, 0.1])
)
def test_any_cut_and_order_give_the_same_tree(first: int, count: int, seed: int, share: float) -> None:
    draw = random.Random(seed)
    stop = first + count
    answers: dict[int, Shape] = {b: b for b in range(first, stop) if draw.random() < share}
    cuts = sorted({first, stop, *(draw.randrange(first, stop) for _ in range(draw.randrange(6)))})
    pieces = []
    for low, high in itertools.pairwise(cuts):
        counter: Counter[Shape] = Counter(pair, low)
        for block in range(low, high):
            if block in answers:
                counter.push(block, answers[block])
        nodes = counter.finish(high)
        assert [(node.level, node.index) for node in nodes] == list(aligned(low, high))
        assert len(nodes) <= depth(high - low)
        pieces.append(nodes)
    draw.shuffle(pieces)
    part: Tree[Shape] = Tree(pair, first, stop, whole=False)
    for nodes in pieces:
        part.add(nodes)
    assert [(node.level, node.index) for node in part.nodes()] == list(aligned(first, stop))
    again: Tree[Shape] = Tree(pair, first, stop)
    again.add(part.nodes())
    assert again.root() == definition(answers, 7, 0)
    tree: Tree[Shape] = Tree(pair, first, stop)
    for nodes in pieces:
        tree.add(nodes)
    assert tree.root() == definition(answers, 7, 0)


def test_blocks_without_a_row_do_not_change_the_shape() -> None:
    counter: Counter[Shape] = Counter(pair, 0)
    for block in (1, 6):
        counter.push(block, block)
    assert counter.finish(8) == [Node(3, 0, (1, 6))]


def test_no_blocks() -> None:
    assert Tree(pair, 3, 3).root() is None
    assert list(aligned(3, 3)) == []
    assert depth(0) == 3


def test_one_block() -> None:
    tree: Tree[Shape] = Tree(pair, 0, 1)
    tree.add([Node(0, 0, 5)])
    assert tree.root() == 5


def test_a_missing_node_is_noticed() -> None:
    tree: Tree[Shape] = Tree(pair, 0, 4)
    tree.add([Node(1, 0, 1)])
    with pytest.raises(ValueError, match=r"do not cover the blocks \[0, 4\)"):
        tree.root()


def test_a_missing_node_of_a_part_is_noticed() -> None:
    part: Tree[Shape] = Tree(pair, 2, 6, whole=False)
    part.add([Node(0, 2, 2), Node(0, 3, 3), Node(0, 4, 4)])
    with pytest.raises(ValueError, match="do not cover"):
        part.nodes()


def test_blocks_go_up() -> None:
    counter: Counter[Shape] = Counter(pair, 0)
    counter.push(4, 4)
    with pytest.raises(ValueError, match="2 came after 4"):
        counter.push(2, 2)
