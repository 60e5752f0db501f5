"""`python -m oncofed` is the command `oncofed`."""

from oncofed.cli.main import main

if __name__ == "__main__":
    main()
