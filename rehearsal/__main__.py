"""`python -m rehearsal`."""

from rehearsal.command_line import main

main()
