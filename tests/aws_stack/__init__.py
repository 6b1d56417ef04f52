"""What is deployed on AWS, as far as it can be looked at without an account."""
