"""Who may do what: the roles of EMR, of its instances, and of people who submit runs."""
