"""Where in the buckets each thing lies: roles are scoped to these prefixes, and steps write below them."""

# Results: RUNS/RUN_ID/ holds one run.
RUNS = "runs"
# Logs: EMR writes EMR_LOGS/CLUSTER_ID/ by itself.
EMR_LOGS = "emr"
# Artifacts: certificates of a deployment, and jobs that people bring.
TRANSIT = "transit"
JOBS = "jobs"
