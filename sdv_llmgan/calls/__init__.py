"""What is around any provider: budget, retries, cache, audit, batches, estimates."""
