"""What is known of a study, one unit vector a modality in one shared space."""
