"""Sources of completions: language models behind one small interface."""
