"""The prefixes in the buckets: roles are scoped to them, and everything is written below them."""

# Results: RUNS/RUN_ID/ holds one run.
RUNS = "runs"
# Results: what was forgotten, and the records of it; they outlive the results.
ERASURES = "erasures"
# Logs: EMR writes EMR_LOGS/CLUSTER_ID/ by itself.
EMR_LOGS = "emr"
# Artifacts: certificates of a deployment, jobs that people bring, and which cluster was started for a run.
TRANSIT = "transit"
JOBS = "jobs"
LAUNCHES = "launches"
