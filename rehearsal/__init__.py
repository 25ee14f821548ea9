"""AWS on this machine: an emulated cloud whose EMR really runs YARN and Spark."""
