"""`python -m cli`: the same command line as `alphashield`."""

from cli.main import main

main()
