"""The jobs of the pipeline. Jobs meet only in the data they leave behind."""
