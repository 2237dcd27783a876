"""One report on a synthetic table, for whoever has to answer for it.

tables, metadata -> sections of scores, tables, charts -> Report -> one HTML page, or JSON
(likeness, usefulness, privacy, rules; with a synthesizer: process, fit, bill, egress)
"""

from sdv_llmgan.report.make import make_report
from sdv_llmgan.report.result import Report, check_path

__all__ = ['Report', 'check_path', 'make_report']
