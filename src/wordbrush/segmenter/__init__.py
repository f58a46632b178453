"""Reading pictures back: a network that finds objects and their attributes.

The training of DAVEnet never sees it.
"""
