"""Reading pictures back: a network that finds objects and their attributes. Training of DAVEnet never sees it."""
