"""The command line ``sdv-llmgan``.

It is a package of its own beside ``sdv_llmgan``, because importing that brings SDV and torch:
seconds that ``--help`` and shell completion must not take. Commands import it when they run.
"""
