"""A fitted sampler as a file that holds no training row."""
