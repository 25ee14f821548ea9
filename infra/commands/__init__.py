"""The commands that speak of a deployment before and after it is made: plan, fields, next steps."""
