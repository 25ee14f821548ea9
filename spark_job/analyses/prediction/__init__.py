"""`predict`: what a trained classifier says of new images."""
