"""What the job and those who start it, deploy it or read its results agree on.

Standard library only: every package of this project may import it, and nothing else of `spark_job`.
"""
