"""Who stands behind a firm: control and benefit, kept apart, in the words of the Open Ownership data standard.

In: statements (firm, holder, share, votes) from the record, CSV, Parquet or BODS files.  Out: the actual controller,
beneficial owners, the tree around a party, groups of affiliated firms and what they owe together.
"""

from dandelion.graph.ownership.benefit import Benefit, benefit, integrated
from dandelion.graph.ownership.control import Heads, Votes, controlled, heads
from dandelion.graph.ownership.groups import GroupExposure, Groups, exposure, groups
from dandelion.graph.ownership.holdings import Holdings, Problem, holdings
from dandelion.graph.ownership.owners import Interest, Owner, OwnerLine, Ownership, ownership
from dandelion.graph.ownership.reading_csv import read_statements
from dandelion.graph.ownership.shown import ownership_json, tree_json, words_of
from dandelion.graph.ownership.statements import Kind, Office, Statement, of_events, ppm_of_percent
from dandelion.graph.ownership.tree import Tree, TreeEdge, tree

__all__ = [
    "Benefit", "GroupExposure", "Groups", "Heads", "Holdings", "Interest", "Kind", "Office", "Owner", "OwnerLine",
    "Ownership", "Problem", "Statement", "Tree", "TreeEdge", "Votes", "benefit", "controlled", "exposure", "groups",
    "heads", "holdings", "integrated", "of_events", "ownership", "ownership_json", "ppm_of_percent", "read_statements",
    "tree", "tree_json", "words_of",
]  # fmt: skip
