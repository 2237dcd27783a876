"""The side of mostlyai-mock in ``calls.py side``; run by a Python that has it installed."""

from __future__ import annotations

import sys
import time

from mostlyai import mock

NUMBERS = {'age': 'integer', 'income': 'float', 'children': 'integer', 'visits': 'integer'}
CATEGORIES = {
    'region': ['north', 'south', 'east', 'west'],
    'plan': ['basic', 'plus', 'premium'],
}


def main() -> None:
    """Print rows, wall seconds and processor seconds of one call of ``mock.sample``."""
    url, num_rows = sys.argv[1], int(sys.argv[2])
    columns = {name: {'prompt': name, 'dtype': dtype} for name, dtype in NUMBERS.items()}
    columns |= {
        name: {'prompt': name, 'dtype': 'category', 'values': values}
        for name, values in CATEGORIES.items()
    }
    columns |= {'married': {'dtype': 'boolean'}, 'score': {'dtype': 'float'}}
    tables = {'customers': {'prompt': 'Customers of a telephone company', 'columns': columns}}
    began, cpu = time.perf_counter(), time.process_time()
    rows = mock.sample(
        tables=tables,
        sample_size=num_rows,
        model='openai/gpt-4o-mini',
        api_key='none',
        api_base=f'{url}/v1',
        n_workers=10,
    )
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f'{len(rows)} {wall} {cpu}')


if __name__ == '__main__':
    main()
