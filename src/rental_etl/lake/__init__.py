"""The lake: landed batches committed by manifests, curated Iceberg tables."""
