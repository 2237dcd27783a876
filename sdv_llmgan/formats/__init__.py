"""How things are written and read: words, Markdown, CSV, saved JSON, JSON in replies."""
