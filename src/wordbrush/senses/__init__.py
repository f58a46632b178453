"""Three senses that share their upper layers: pictures, sounds and text (docs/senses.md)."""
