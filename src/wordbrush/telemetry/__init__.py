"""What a run tells of itself: progress, live metrics, and how it ended."""
