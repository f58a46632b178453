"""What every training needs: exact resume, several processes, norms, precision, signals, memory."""
