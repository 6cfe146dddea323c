"""Layout of a flow chart: levels from top to bottom, few crossings, arrows past the boxes."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import fmean

import networkx as nx
import numpy as np
from scipy.optimize import linprog

#: A rule, or (from, to, level): where an arrow passes a level between its ends.
Node = str | tuple[str, str, int]
#: Room that an arrow needs where it passes a level, in widths of a box with its margin.
WAYPOINT_WIDTH = 0.25
#: How much the links of the longest chain, and arrows that have passed a box, are to be upright.
CHAIN_WEIGHT, PASSED_WEIGHT = 9, 2


def width_of(node: Node) -> float:
    """Return the room that a node needs, in widths of a box with its margin."""
    return 1.0 if isinstance(node, str) else WAYPOINT_WIDTH


def with_waypoints(graph: nx.DiGraph) -> nx.DiGraph:
    """Add a node wherever an arrow passes a level between its ends.

    Parameters
    ----------
    graph : networkx.DiGraph
        Rules, without a cycle; arrows lead to the rules that need them.

    Returns
    -------
    networkx.DiGraph
        Of `Node`; each arrow leads to the next level, and a rule stands just above the first
        rule that needs it.
    """
    levels = enumerate(nx.topological_generations(graph.reverse()))
    level = {rule: i for i, rules in levels for rule in rules}
    dense = nx.DiGraph()
    dense.add_nodes_from(sorted(graph))
    for start, end in sorted(graph.edges):
        between = range(level[start] - 1, level[end], -1)
        nx.add_path(dense, [start, *((start, end, i) for i in between), end])
    return dense


def order_levels(dense: nx.DiGraph, starts: int = 40, sweeps: int = 6) -> list[list[list[Node]]]:
    """Find the orders of nodes within levels that let the fewest arrows cross.

    Parameters
    ----------
    dense : networkx.DiGraph
        Of `with_waypoints`.
    starts, sweeps : int
        Number of shuffled orders to start from, and how often each is sorted.

    Returns
    -------
    list
        The best orders met, each a list of levels from top to bottom.

    Notes
    -----
    A sweep down sorts each level by the mean place of its neighbours on the level above, a
    sweep up by that on the level below. Equal graphs give equal orders.
    """
    rng = np.random.default_rng(0)
    layers = [sorted(level, key=str) for level in nx.topological_generations(dense.reverse())]
    orders = []
    for _ in range(starts):
        levels = [[level[i] for i in rng.permutation(len(level))] for level in reversed(layers)]
        for _ in range(sweeps):
            levels = _sweep(levels, dense.predecessors)
            levels = _sweep(levels[::-1], dense.successors)[::-1]
            if levels not in orders:
                orders.append(levels)
    crossings = [_crossings(dense, levels) for levels in orders]
    return [o for o, count in zip(orders, crossings, strict=True) if count == min(crossings)]


def _sweep(
    levels: list[list[Node]], neighbours: Callable[[Node], Iterator[Node]]
) -> list[list[Node]]:
    """Sort each level but the first by the mean place of its neighbours on the one before."""
    done = levels[:1]
    for level in levels[1:]:
        place = {
            node: (i + 0.5) / len(nodes)
            for nodes in (done[-1], level)
            for i, node in enumerate(nodes)
        }
        near = {node: [place[n] for n in neighbours(node)] or [place[node]] for node in level}
        done.append(sorted(level, key=lambda node: fmean(near[node])))
    return done


def _crossings(dense: nx.DiGraph, levels: list[list[Node]]) -> int:
    """Count the pairs of arrows that cross."""
    rank = {node: i for level in levels for i, node in enumerate(level)}
    count = 0
    for level in levels:
        ends = [(rank[a], rank[b]) for a in level for b in dense.successors(a)]
        count += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(ends) for c, d in ends[:i])
    return count


def place_nodes(dense: nx.DiGraph, levels: list[list[Node]]) -> tuple[dict[Node, float], float]:
    """Place the nodes so that arrows go sideways as little as can be.

    Parameters
    ----------
    dense : networkx.DiGraph
        Of `with_waypoints`.
    levels : list of list of Node
        One of `order_levels`.

    Returns
    -------
    place : dict of Node to float
        Horizontal place, in widths of a box with its margin; nodes of a level keep their order
        and their distance.
    sideways : float
        Weighted sum of the arrows' ways sideways, which is the least that the order allows.
    """
    nodes = [node for level in levels for node in level]
    number = {node: i for i, node in enumerate(nodes)}
    arrows = list(dense.edges)
    weights = _weights(dense)
    sideways = nx.incidence_matrix(dense, nodes, arrows, oriented=True).toarray().T
    length = np.eye(len(arrows))
    pairs = [pair for level in levels for pair in pairwise(level)]
    order, room = np.zeros((len(pairs), len(nodes) + len(arrows))), np.zeros(len(pairs))
    for i, (a, b) in enumerate(pairs):
        order[i, [number[a], number[b]]] = 1, -1
        room[i] = -(width_of(a) + width_of(b)) / 2
    solution = linprog(
        np.r_[np.zeros(len(nodes)), weights],
        np.r_[np.c_[sideways, -length], np.c_[-sideways, -length], order],
        np.r_[np.zeros(2 * len(arrows)), room],
        bounds=(None, None),
    )
    return dict(zip(nodes, solution.x.tolist(), strict=False)), solution.fun


def _weights(dense: nx.DiGraph) -> list[int]:
    """Return how much each arrow is to be upright; the longest chain of rules most of all."""
    chain = nx.dag_longest_path(dense.subgraph(node for node in dense if isinstance(node, str)))
    links = set(pairwise(chain))
    return [
        CHAIN_WEIGHT if arrow in links else PASSED_WEIGHT if isinstance(arrow[0], tuple) else 1
        for arrow in dense.edges
    ]


def arrow_ways(dense: nx.DiGraph) -> Iterator[list[Node]]:
    """Yield the way of each arrow: its two rules and the waypoints between."""
    for rule in dense:
        for node in dense.successors(rule) if isinstance(rule, str) else ():
            way = [rule, node]
            while not isinstance(way[-1], str):
                way += dense.successors(way[-1])
            yield way
