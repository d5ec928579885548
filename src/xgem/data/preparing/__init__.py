"""From a release of studies, or a hospital's own files, to a store."""
