"""Samples as training reads them: pictures, speech, their pairs and splits."""
