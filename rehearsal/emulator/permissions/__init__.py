"""Who may do what in the rehearsal: every call is checked against what is deployed, and recorded."""
