"""What a fit would send, and what it would use, with nothing sent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy

from sdv_llmgan.calls.estimate import Estimate, scaled
from sdv_llmgan.calls.preview import Preview, Unsent, first_requests
from sdv_llmgan.calls.rehearsal import Rehearsal
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.providers.batch_api import BATCH_PRICE
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.rules.conditions import check_num_rows
from sdv_llmgan.synthesizer.arguments import may_ask_model
from sdv_llmgan.synthesizer.imputing import Imputing
from sdv_llmgan.synthesizer.private_settings import is_private
from sdv_llmgan.table.types import SDVData
from sdv_llmgan.table.wanted import Wanted

#: Rows that ``estimate`` has written; it counts on from there.
REHEARSED_ROWS = 200


class Forecast(Imputing):
    """The part of ``LLMGANSynthesizer`` that tries a fit with models played by others."""

    #: Who plays a provider; see ``estimate``.
    _stand_in: Callable[[Provider], Provider] = staticmethod(lambda provider: provider)

    def preview(self, data: SDVData) -> Preview:
        """The very requests that ``fit`` would send first, with nothing sent; ``print`` shows them.

        A fit is started on a copy and stopped at its first call for rows. No key is needed. Where
        the model is asked what it knows, it is taken to know nothing.

        Args:
            data: What ``fit`` takes in the SDV line that is installed.

        Raises:
            EgressError: The egress policy and the table contradict each other.
        """
        asked: list[Request] = []
        twin = self._twin(lambda provider: Unsent(provider, asked))
        return first_requests(lambda: twin.fit(data), asked)

    def estimate(self, data: SDVData, num_rows: int = 0) -> Estimate:
        """What fitting and then sampling would use; sends nothing and needs no key.

        The fit is rehearsed with a model that answers at random: the prompts are the real ones.
        Tokens are counted without the vendor's tokenizer; retries are not foreseen.

        Args:
            data: What ``fit`` would be given.
            num_rows: Rows that ``sample`` would be asked for, >= 0.
        """
        check_num_rows(num_rows, least=0)
        # Beside a private sampler there is no loop to rehearse, but questions.
        played = {} if is_private(self.sampler) else {'sampler': 'llm'}
        twin = self._twin(Rehearsal, **played)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            twin.fit(data)
            model = twin._loop()
            fitted = model.ledger.bill.total()
            drawn = min(num_rows, REHEARSED_ROWS) if may_ask_model(self.sampler) else 0
            if drawn:
                model.sample(Wanted.unconditioned(drawn))
        sampled = model.ledger.bill.total() - fitted
        price = BATCH_PRICE if self.batch else 1.0
        return Estimate(
            fit=fitted,
            sample=scaled(sampled, num_rows / drawn, price) if drawn else Usage(),
            steps=len(model.history),
            max_steps=model.settings.planned_steps(len(model.fitted.training)),
        )

    def _twin(self, stand_in: Callable[[Provider], Provider], **arguments: object) -> Forecast:
        """An unfitted copy whose models are played by others: no budget, cache, log, callbacks."""
        twin = deepcopy(self, {id(self._model): None, id(self.callbacks): ()})
        alone = {'budget': None, 'cache': False, 'audit_log': None, 'batch': False}
        twin.__dict__.update(_stand_in=stand_in, verbose=False, **alone, **arguments)
        return twin
