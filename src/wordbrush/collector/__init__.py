"""A page on which people describe pictures, and where what they say is kept (docs/collect.md)."""
