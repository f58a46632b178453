"""What every training needs: checkpoints with exact resume, several processes, norms, precision, signals, memory."""
