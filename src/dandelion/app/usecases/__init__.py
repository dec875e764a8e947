"""One file per use case; each reads like the story it tells."""
