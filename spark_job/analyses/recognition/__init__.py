"""Recognition: a softmax classifier on the features of a frozen network, and what it says of new images."""
