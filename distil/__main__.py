"""`python -m distil` is `distil`, with the code of the folder it runs in."""

from distil.cli.main import main

main()
