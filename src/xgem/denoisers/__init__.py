"""One network a modality that says what is noise, and what lets them hear each other."""
