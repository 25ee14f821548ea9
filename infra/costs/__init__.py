"""What a deployment costs: prices with their date and source, estimates, and the plan before a deploy."""
