"""The discriminator of MALLM-GAN: logistic regression by stochastic gradient descent."""

from __future__ import annotations

from sklearn.linear_model import SGDClassifier

from sdv_llmgan.discriminators.incremental import IncrementalDiscriminator


class LogisticDiscriminator(IncrementalDiscriminator):
    """Logistic regression on RDT features; sees one column at a time."""

    def make_model(self, seed: int) -> SGDClassifier:
        """A new logistic regression."""
        return SGDClassifier(
            loss='log_loss', alpha=0.01, learning_rate='constant', eta0=0.01, random_state=seed
        )
