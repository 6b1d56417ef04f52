"""Every adapter against what its port promises; `houses` and `conftest` make the warehouses."""
