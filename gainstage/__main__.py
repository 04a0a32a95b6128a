"""`python -m gainstage` is the same as `gainstage`."""

from gainstage.cli import main

if __name__ == "__main__":
    main()
