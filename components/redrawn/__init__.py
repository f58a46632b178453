"""The components of stages that read other inputs where a collection is redrawn, too."""
