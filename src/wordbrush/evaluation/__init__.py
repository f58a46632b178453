"""The paper's tests: semantic accuracy, recall, real pictures, and how often edits change the caption."""
