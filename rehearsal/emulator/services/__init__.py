"""Operations of AWS's API that MiniStack lacks, or answers in part; one module a service."""
