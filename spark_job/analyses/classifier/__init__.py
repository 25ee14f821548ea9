"""A softmax classifier on the features of a frozen network: its head, its limits, its files."""
