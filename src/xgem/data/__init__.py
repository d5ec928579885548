"""Files to studies to batches: radiographs and reports in, labeled files out."""
