from __future__ import annotations

from sdv_llmgan.providers.usage import Usage


def test_usages_add_up_and_subtract():
    total = Usage(1, 100, 20, 80) + Usage(2, 50, 5)
    assert total == Usage(3, 150, 25, 80)
    assert total - Usage(1, 100, 20, 80) == Usage(2, 50, 5)
    assert total.tokens == 175
