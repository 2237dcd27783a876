"""A small neural network as discriminator, one of the three that MALLM-GAN compares."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier

from sdv_llmgan.discriminators.incremental import IncrementalDiscriminator


class MLPDiscriminator(IncrementalDiscriminator):
    """One hidden layer on RDT features; sees how columns hang together."""

    def make_model(self, seed: int) -> MLPClassifier:
        """A new network with 32 hidden units."""
        return MLPClassifier(
            hidden_layer_sizes=(32,), alpha=0.1, learning_rate_init=0.003, random_state=seed
        )
