"""How many components hold a share of the variance as the sample grows."""
