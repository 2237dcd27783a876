"""What a report says of rows that were made without data, where no real row is there to compare."""

from __future__ import annotations

from sdv_llmgan.report.content import Section

MADE_WITHOUT_DATA = (
    'Made without data: the rows follow what was known and published of the columns. No real row '
    'was learned from.'
)
NO_REAL_ROWS = 'Made without data: there are no real rows to compare with.'
DRAWN = (
    f'{MADE_WITHOUT_DATA} The text says what was known; columns are drawn in the order of the '
    'graph below.'
)
SENT = (
    'No row was sent: requests held names, types and descriptions of columns, and the '
    'levels that were known.'
)
#: The sections that compare with real rows.
COMPARED = {
    'likeness': 'Is it like the real table?',
    'usefulness': 'Is it useful?',
    'privacy': 'Does it give people away?',
}


def uncompared() -> list[Section]:
    """These sections, each with the reason why it is empty."""
    return [Section(key, title, notes=(NO_REAL_ROWS,)) for key, title in COMPARED.items()]
