"""`python -m operate`."""

from operate.command_line import main

if __name__ == "__main__":
    main()
