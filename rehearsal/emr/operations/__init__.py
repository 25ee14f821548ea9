"""Operations of EMR's API, each a function of the name that boto3 gives it."""
