"""Synthetic tables from language models in an adversarial loop, as a plugin for SDV."""

# isort: off
import sdv  # noqa: F401 - first: SDV loads this package as it starts, and must be whole by then

# isort: on
from sdv_llmgan.calls.audit import AuditLog
from sdv_llmgan.calls.budget import Budget
from sdv_llmgan.calls.cache import ReplyCache
from sdv_llmgan.calls.estimate import Estimate
from sdv_llmgan.calls.preview import Preview
from sdv_llmgan.discriminators.base import (
    Discriminator,
    Verdict,
    verdict_from_probabilities,
)
from sdv_llmgan.egress.policy import EgressPolicy
from sdv_llmgan.errors import (
    BudgetError,
    EgressError,
    LLMGANError,
    PluginError,
    ProviderError,
    RateLimitError,
    ReplyError,
    SamplingError,
    TransientError,
)
from sdv_llmgan.formats.table_files import read_table
from sdv_llmgan.hookspecs import hookimpl
from sdv_llmgan.loop.callbacks import Callback
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import Effect, Knowledge, Typical
from sdv_llmgan.process.limits import Bound, Limit
from sdv_llmgan.providers.anthropic import AnthropicProvider
from sdv_llmgan.providers.base import Completion, Message, Provider, Request
from sdv_llmgan.providers.openai import AzureOpenAIProvider, OpenAIProvider
from sdv_llmgan.providers.prices import Prices
from sdv_llmgan.providers.scripted import ScriptedProvider
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.rules.conditions import RangeCondition
from sdv_llmgan.samplers.base import Learned, Privacy, Sampler
from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer, load_sampler
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import TrainingSet
from sdv_llmgan.table.wanted import Wanted

__version__ = '0.1.0'

__all__ = [
    'AnthropicProvider',
    'AuditLog',
    'AzureOpenAIProvider',
    'Bound',
    'Budget',
    'BudgetError',
    'Callback',
    'CausalGraph',
    'Completion',
    'Discriminator',
    'Effect',
    'EgressError',
    'EgressPolicy',
    'Estimate',
    'GenerationProcess',
    'History',
    'Knowledge',
    'LLMGANError',
    'LLMGANSynthesizer',
    'Learned',
    'Limit',
    'Message',
    'OpenAIProvider',
    'ParsedRows',
    'PluginError',
    'Preview',
    'Prices',
    'Privacy',
    'Provider',
    'ProviderError',
    'RangeCondition',
    'RateLimitError',
    'ReplyCache',
    'ReplyError',
    'Request',
    'Sampler',
    'SamplingError',
    'ScriptedProvider',
    'Step',
    'TableSchema',
    'TrainingSet',
    'TransientError',
    'Typical',
    'Usage',
    'Verdict',
    'Wanted',
    'hookimpl',
    'load_sampler',
    'read_table',
    'verdict_from_probabilities',
]
