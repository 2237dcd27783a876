"""Who asks a model what: generator, row writer, optimizer, interpreter."""
