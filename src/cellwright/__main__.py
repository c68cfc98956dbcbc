"""`python -m cellwright`: the same as the command `cellwright`. Floor 7."""

from cellwright.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
