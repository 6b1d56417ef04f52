"""The data, readable without Python: contracts, SQL models and what loads and renders them."""
