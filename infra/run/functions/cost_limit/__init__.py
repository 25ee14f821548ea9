"""The function that ends runs which cost more than they may."""
