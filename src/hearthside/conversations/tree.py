"""The tree of messages as a map from each message's id to its parent's (None: a first message). Pure functions.

A message is made after its parent, so ids rise along every branch.
"""

from collections.abc import Mapping, Sequence

Tree = Mapping[int, int | None]


def branch(tree: Tree, leaf_id: int | None) -> Sequence[int]:
    """The ids from the first message to `leaf_id`; none where it is None."""
    ids: list[int] = []
    node = leaf_id
    while node is not None:
        ids.append(node)
        node = tree[node]
    return ids[::-1]


def newest_leaf(tree: Tree, message_id: int) -> int:
    """Where the newest branch through a message ends: the newest child's newest child, and so on."""
    newest_child: dict[int | None, int] = {}
    for child, parent in tree.items():
        newest_child[parent] = max(child, newest_child.get(parent, child))
    leaf = message_id
    while leaf in newest_child:
        leaf = newest_child[leaf]
    return leaf
