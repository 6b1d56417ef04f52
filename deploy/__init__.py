"""Deploys rental-etl on AWS: a CDK app, and the bundle that its Glue jobs install. Not part of the wheel."""
