"""Facts of the DICOM standard as tables: tab-separated, one fact a row, read by the modules beside."""
