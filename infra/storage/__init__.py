"""Where data lies: buckets, their keys, their lifecycles and their replica."""
