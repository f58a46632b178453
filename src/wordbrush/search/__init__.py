"""An index of many pictures, which a spoken sentence searches without looking at each."""
