"""What may leave the machine: the policy, and the view of the table that it leaves."""

from sdv_llmgan.egress.policy import EgressPolicy

__all__ = ['EgressPolicy']
