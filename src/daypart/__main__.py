"""`python -m daypart` is the command `daypart`."""

from daypart.cli.main import main

if __name__ == "__main__":
    main()
