"""Where replies, and the ids of batches under way, are kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

#: Names a folder in place of the user's own cache folder.
CACHE_VARIABLE = 'SDV_LLMGAN_CACHE'


def cache_folder() -> Path:
    """``$SDV_LLMGAN_CACHE``, else the user's cache folder for this package."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path('sdv-llmgan')
