"""Who asks a model what: expert, generator, row writer, optimizer, interpreter."""
