"""The programs that are measured beside the job; each module is started as a process of its own."""
