"""Which column affects which: a directed acyclic graph over column names.

It tells the generator how columns depend on each other and in which order to write them.
Recovering the true causes is not the goal (Ling et al., MALLM-GAN, section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx

Edge = tuple[str, str]


@dataclass(frozen=True)
class CausalGraph:
    """Edges (cause, effect) without a cycle.

    Attributes:
        edges: Pairs of column names, each pair once.
    """

    edges: tuple[Edge, ...] = ()

    @classmethod
    def from_edges(cls, edges: Iterable[Sequence[str]]) -> CausalGraph:
        """Make a graph from pairs.

        Raises:
            ValueError: An entry is no pair of names, or the pairs close a cycle.
        """
        import networkx as nx  # here and below: it takes as long as the rest of the package

        pairs: dict[Edge, None] = {}
        for edge in edges:
            if isinstance(edge, str) or len(edge) != 2:
                raise ValueError(f'A causal graph needs (cause, effect) pairs, got {edge!r}.')
            pairs[str(edge[0]), str(edge[1])] = None
        try:
            cycle = nx.find_cycle(nx.DiGraph(list(pairs)))
        except nx.NetworkXNoCycle:
            return cls(tuple(pairs))
        names = ' -> '.join([*(str(edge[0]) for edge in cycle), str(cycle[0][0])])
        raise ValueError(f'A causal graph must not have a cycle; this one has {names}.')

    def check_columns(self, columns: Sequence[str]) -> None:
        """Raise ``ValueError`` where an edge names a column that is not in ``columns``."""
        unknown = sorted({name for edge in self.edges for name in edge} - set(columns))
        if unknown:
            raise ValueError(
                f'The causal graph names columns that the model does not see: '
                f'{", ".join(unknown)}. It can use: {", ".join(columns)}.'
            )

    def order(self, columns: Sequence[str]) -> list[str]:
        """``columns`` with every cause before its effects, otherwise as they were."""
        causes: dict[str, set[str]] = {name: set() for name in columns}
        for cause, effect in self.edges:
            causes[effect].add(cause)
        left, ordered = list(columns), list[str]()
        while left:
            ordered.append(next(name for name in left if causes[name].issubset(ordered)))
            left.remove(ordered[-1])
        return ordered

    def changed(
        self, add: Iterable[Edge] = (), remove: Iterable[Edge] = ()
    ) -> tuple[CausalGraph, int]:
        """Take edges away, then add edges one by one.

        Returns:
            The new graph, and how many of ``add`` were left out because they close a cycle.
        """
        import networkx as nx

        graph = nx.DiGraph([edge for edge in self.edges if edge not in set(remove)])
        left_out = 0
        for cause, effect in add:
            if cause == effect or (effect in graph and cause in nx.descendants(graph, effect)):
                left_out += 1
            else:
                graph.add_edge(cause, effect)
        return CausalGraph(tuple(graph.edges)), left_out

    def turned_by(self, other: CausalGraph) -> CausalGraph:
        """The same graph with edges turned round that another one has the other way round.

        An edge that would close a cycle stays as it is.
        """
        graph = self
        for cause, effect in other.edges:
            if (effect, cause) in graph.edges:
                turned, left_out = graph.changed([(cause, effect)], [(effect, cause)])
                graph = graph if left_out else turned
        return graph

    def distance(self, other: CausalGraph) -> int:
        """Edges to add or remove to make the one of the other; 0: the same edges.

        The graph edit distance of graphs whose nodes are known by name; an edge turned round
        counts as two.
        """
        return len(set(self.edges) ^ set(other.edges))

    def to_networkx(self, columns: Sequence[str] = ()) -> nx.DiGraph:
        """A new ``networkx.DiGraph`` with these nodes and the edges."""
        import networkx as nx

        graph = nx.DiGraph()
        graph.add_nodes_from(columns)
        graph.add_edges_from(self.edges)
        return graph
