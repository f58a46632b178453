"""The compiled pipeline: what it is made of, its tasks, and the nodes that they run on."""
