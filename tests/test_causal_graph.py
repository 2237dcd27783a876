from __future__ import annotations

import pytest

from sdv_llmgan.process.causal_graph import CausalGraph

CHAIN = CausalGraph((('a', 'b'), ('b', 'c')))


def test_a_cycle_is_an_error_that_shows_the_cycle():
    with pytest.raises(ValueError, match='cycle; this one has a -> b -> c -> a'):
        CausalGraph.from_edges([('a', 'b'), ('b', 'c'), ('c', 'a')])


def test_a_column_cannot_affect_itself():
    with pytest.raises(ValueError, match='a -> a'):
        CausalGraph.from_edges([('a', 'a')])


@pytest.mark.parametrize('edge', [('a',), ('a', 'b', 'c'), 'ab'])
def test_an_edge_is_a_pair(edge):
    with pytest.raises(ValueError, match='pairs, got'):
        CausalGraph.from_edges([edge])


def test_an_unknown_column_is_an_error_that_names_it_and_those_there_are():
    with pytest.raises(ValueError, match='does not see: c. It can use: a, b'):
        CHAIN.check_columns(['a', 'b'])


def test_causes_come_before_effects_and_the_rest_stays_in_place():
    graph = CausalGraph((('d', 'a'),))
    assert graph.order(['a', 'b', 'c', 'd']) == ['b', 'c', 'd', 'a']
    assert CausalGraph().order(['b', 'a']) == ['b', 'a']


def test_changes_leave_out_what_would_close_a_cycle():
    changed, left_out = CHAIN.changed(add=[('c', 'a'), ('a', 'c'), ('b', 'b')])
    assert set(changed.edges) == {('a', 'b'), ('b', 'c'), ('a', 'c')}
    assert left_out == 2


def test_an_edge_can_be_turned_round_in_one_change():
    changed, left_out = CHAIN.changed(add=[('b', 'a')], remove=[('a', 'b')])
    assert set(changed.edges) == {('b', 'a'), ('b', 'c')}
    assert left_out == 0


def test_the_networkx_graph_has_columns_without_edges_too():
    assert set(CHAIN.to_networkx(['a', 'b', 'c', 'z'])) == {'a', 'b', 'c', 'z'}


def test_an_edge_named_twice_counts_once():
    assert CausalGraph.from_edges([('a', 'b'), ('a', 'b')]).edges == (('a', 'b'),)
