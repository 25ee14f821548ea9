"""What runs hold of an image, found and removed: rows of tables, lines, reports."""
