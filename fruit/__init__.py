"""The one command for people, `fruit`: the job, a deployment and the rehearsal behind one name."""
