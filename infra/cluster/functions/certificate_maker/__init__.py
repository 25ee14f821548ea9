"""A Lambda function that makes a deployment's certificate; the private key is in its archive only."""
