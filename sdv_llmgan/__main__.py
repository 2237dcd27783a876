"""``python -m sdv_llmgan``: the command line ``sdv-llmgan``."""

from sdv_llmgan_cli.app import app

if __name__ == '__main__':
    app(prog_name='sdv-llmgan')
