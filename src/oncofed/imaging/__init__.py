"""DICOM: headers, de-identification, text in pixels, quality, references. Knows no network and no database."""
