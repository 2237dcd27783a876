r"""The papers' protocols, runnable with any synthesizer and on any table.

sdv-llmgan benchmark mallm-gan --synthesizers real smote ctgan llmgan

table -> training rows -> synthesizer -> synthetic rows -> scores -> results.csv
     \-> test rows ------------------------------------^            -> tables.md, plots.html
"""
