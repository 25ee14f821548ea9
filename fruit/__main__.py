"""`python -m fruit`: the same as `fruit`, for programs that start it with their own Python."""

from fruit.command_line import main

if __name__ == "__main__":
    main()
