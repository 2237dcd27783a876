"""``python -m sdv_llmgan.benchmark``."""

from sdv_llmgan.benchmark.cli import main

if __name__ == '__main__':
    main()
