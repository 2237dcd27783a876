"""Keys by the number of their row: each different, each of the format asked for."""

from __future__ import annotations

import re

import numpy as np
import pytest
from faker import Faker
from hypothesis import given, settings
from hypothesis import strategies as st
from rdt.transformers import RegexGenerator

from sdv_llmgan.scale.by_row import numbered, scattered
from sdv_llmgan.scale.enumeration import of_bothify, of_regex


@pytest.mark.parametrize(
    ('pattern', 'size', 'first', 'last'),
    [
        (r'\d{2}-[A-Z]', 2_600, '00-A', '99-Z'),
        (r'P-\d{4,6}', 1_110_000, 'P-0000', 'P-999999'),
        ('^x[ab]$', 2, 'xa', 'xb'),
        (r'(ab){1,2}c', 2, 'abc', 'ababc'),
        (r'[0-9\d]', 10, '0', '9'),
        (r'\w{2}', 63 * 63, '00', '__'),
    ],
)
def test_a_regex_has_so_many_strings_in_this_order(pattern, size, first, last):
    strings = of_regex(pattern)
    assert strings.size == size
    assert list(strings.at(np.array([0, size - 1]))) == [first, last]


@pytest.mark.parametrize(
    'pattern',
    [
        *(r'\d{2}-[A-Z]', r'P-\d{4,6}', '[A-Z]{0,2}[0-9]+', r'(ab){1,2}\w?', r'[0-9\d]{2}'),
        *('a?a?', r'(\d+-){2}', r'\d{1,3}\d{1,3}', r'.\s\S', '(a{1,2}b?){1,2}', r'\D\W\w'),
    ],
)
def test_no_two_numbers_have_the_same_string_and_all_match(pattern):
    strings = of_regex(pattern)
    made = strings.at(np.arange(min(strings.size, 5_000)))
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(pattern, text, re.DOTALL) for text in made)


def test_the_order_is_that_of_rdt():
    pattern = r'[A-C]\d{2}'
    theirs = RegexGenerator(regex_format=pattern)
    theirs.reset_randomization()
    assert list(of_regex(pattern).at(np.arange(300))) == [*theirs.generator]


def test_a_number_beyond_billions_is_found_at_once():
    assert list(of_regex('[0-9]{30}').at(np.array([10**15 + 7]))) == [
        '0' * 14 + '1' + '0' * 14 + '7'
    ]


@pytest.mark.parametrize('pattern', ['ab|cd', '[^a]', 'a*?'])
def test_a_regex_that_sdv_does_not_make_is_refused(pattern):
    with pytest.raises(ValueError, match='No strings are made from the part'):
        of_regex(pattern)


@pytest.mark.parametrize('text', ['sdv-id-??????', '##-%%', 'x!@'])
def test_a_pattern_of_faker_has_its_form(text):
    strings = of_bothify(text)
    made = strings.at(scattered(np.arange(90), strings.size))
    form = text.translate({
        ord('?'): '[A-Za-z]',
        ord('#'): r'\d',
        ord('!'): r'\d',
        ord('%'): '[1-9]',
        ord('@'): '[1-9]',
    })
    assert len(set(made)) == 90
    assert all(re.fullmatch(form, value) for value in made)


@pytest.mark.parametrize('size', [1, 2, 3, 10, 97, 4_321, 65_536])
def test_scattered_rows_are_a_permutation(size):
    assert sorted(scattered(np.arange(size), size)) == list(range(size))


def test_scattered_rows_look_like_chance():
    mixed = scattered(np.arange(10_000), 16_777_217) / 16_777_217
    assert abs(np.corrcoef(mixed[:-1], mixed[1:])[0, 1]) < 0.05
    assert np.abs(np.sort(mixed) - np.arange(10_000) / 10_000).max() < 0.02  # Kolmogorov-Smirnov


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.from_regex(r'[ab@]{0,2}[0-9]{0,3}[ab]?[0-9]{0,2}', fullmatch=True), min_size=1),
    st.sampled_from([0, 90, 99_990, 10**12 - 3]),
)
def test_made_up_values_are_different_whatever_they_were(values, first_row):
    halves = [values, values[::-1]]
    rows = [first_row + np.arange(len(values)), first_row + len(values) + np.arange(len(values))]
    made = np.concatenate([numbered(half, own) for half, own in zip(halves, rows, strict=True)])
    assert len(set(made)) == 2 * len(values)


def test_a_made_up_value_keeps_its_form_where_it_has_room():
    faker = Faker()
    faker.seed_instance(0)
    values = [faker.ssn() for _ in range(50)]
    made = numbered(values, np.arange(50))
    assert all(re.fullmatch(r'\d{3}-\d{2}-\d{4}', value) for value in made)
    assert re.fullmatch(
        r'ann\d{12}@example\.org', numbered(['ann5@example.org'], np.array([70]))[0]
    )
