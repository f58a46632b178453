"""The page that people read: figures and one self-contained HTML file."""
