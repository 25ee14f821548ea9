"""How fast the featurization is with other executors and cores, beside one plain serial process."""
