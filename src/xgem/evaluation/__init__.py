"""What generated studies are worth: findings, and whether the parts of a study agree."""
