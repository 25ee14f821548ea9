"""What a person sees of the pipeline: metrics, dashboard, alarms."""
