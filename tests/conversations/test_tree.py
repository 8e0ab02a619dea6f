"""The tree of messages; unit tests, for trees that are tedious to grow through the service."""

from hypothesis import given
from hypothesis import strategies as st

from hearthside.conversations.tree import Tree, branch, newest_leaf

#     1 ── 2 ── 4
#       └─ 3 ── 5 ── 7
#            └─ 6
TREE = {1: None, 2: 1, 3: 1, 4: 2, 5: 3, 6: 3, 7: 5}


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    size = draw(st.integers(1, 40))
    return {
        node: draw(st.one_of(st.none(), st.integers(1, node - 1))) if node > 1 else None for node in range(1, size + 1)
    }


def test_a_branch_goes_from_the_first_message_to_the_leaf() -> None:
    assert branch(TREE, 7) == [1, 3, 5, 7]
    assert branch(TREE, 1) == [1]
    assert branch(TREE, None) == []


def test_the_newest_branch_through_a_message() -> None:
    assert newest_leaf(TREE, 1) == 6
    assert newest_leaf(TREE, 2) == 4
    assert newest_leaf(TREE, 5) == 7
    assert newest_leaf(TREE, 7) == 7


@given(trees(), st.data())
def test_the_newest_leaf_is_a_leaf_and_its_branch_goes_through_the_message(tree: Tree, data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(list(tree)))
    leaf = newest_leaf(tree, node)
    assert node in branch(tree, leaf)
    assert leaf not in tree.values()
