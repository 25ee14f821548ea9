"""Services of AWS that MiniStack lacks, or answers in part; one module for each."""
