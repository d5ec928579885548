"""DICOM files of chest radiographs, read and written."""
