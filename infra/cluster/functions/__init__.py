"""What runs in Lambda for the cluster; the folder is uploaded as it is."""
