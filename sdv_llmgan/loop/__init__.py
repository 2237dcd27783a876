"""The adversarial loop, its history, and the choice of a sampler after it."""
