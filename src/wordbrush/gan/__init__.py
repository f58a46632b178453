"""The progressive GAN that draws the scenes, and the edits of its drawings."""
