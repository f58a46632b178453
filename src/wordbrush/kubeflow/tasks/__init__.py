"""What runs inside of tasks: their pages and artifacts, and how they end. kfp is not imported."""
