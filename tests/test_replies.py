from __future__ import annotations

import pytest

from sdv_llmgan.errors import ReplyError
from sdv_llmgan.replies import read_json


def test_read_json_mends_one_value_and_refuses_prose():
    assert read_json('Sure! {"instruction": "be bold",}') == {'instruction': 'be bold'}
    with pytest.raises(ReplyError, match='Needed JSON, got'):
        read_json('I would rather not.')
