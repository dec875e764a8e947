"""`python -m dandelion` is the command line."""

from dandelion.app.cli import main

main()
