from __future__ import annotations

import numpy as np
import pandas as pd
from tables import AGE_JOB

from sdv_llmgan.discriminators.base import Verdict
from sdv_llmgan.loop.history import COLUMNS, History, Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess

PROCESS = GenerationProcess('', AGE_JOB, CausalGraph(), 'x')


def judged(score: float | None) -> Step:
    verdict = None if score is None else Verdict(np.array([0.5]), score, 0.5, 0.7)
    return Step(0, 0, PROCESS, verdict=verdict)


def history(*scores: float | None) -> History:
    made = History()
    made.steps = [judged(score) for score in scores]
    return made


def test_the_ranking_is_worst_first_best_last_and_leaves_out_unjudged_steps():
    made = history(0.2, None, 0.9, 0.4)
    assert [step.verdict.score for step in made.ranked()] == [0.9, 0.4, 0.2]


def test_a_score_that_is_no_number_is_worse_than_any():
    made = history(float('nan'), 0.9, float('nan'))
    assert made.best() is made.steps[1]
    assert made.records() == made.steps[:2]


def test_of_equal_scores_the_earlier_is_best():
    made = history(0.4, 0.4)
    assert made.best() is made.steps[0]
    assert made.steps_since_best() == 1


def test_an_empty_history_has_no_best_and_an_empty_frame_with_all_columns():
    assert history().best() is None
    assert history().steps_since_best() == 0
    assert history().to_frame().columns.tolist() == COLUMNS


def test_unjudged_steps_are_not_steps_without_gain():
    assert history(None, None).steps_since_best() == 0


def test_the_frame_has_a_line_a_step():
    frame = history(0.4, None).to_frame()
    assert len(frame) == 2
    assert frame['best'].tolist() == [True, False]
    assert pd.isna(frame['score'][1])
