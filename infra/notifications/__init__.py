"""Who is told: the topic for alarms and the budget that watches the bill."""
