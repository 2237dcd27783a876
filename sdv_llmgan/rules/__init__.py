"""What rows keep to: conditions and constraints."""

from sdv_llmgan.rules.conditions import RangeCondition
from sdv_llmgan.rules.constraints import Rules

__all__ = ['RangeCondition', 'Rules']
