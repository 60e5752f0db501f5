"""The kinds of task a node answers, one module a kind, and how each is told in words."""

from oncofed.node.tasks.kinds import KINDS, refused, words

__all__ = ["KINDS", "refused", "words"]
