"""The champion: the model that serves, and the gate that a better one passes."""
