"""What is read: files on disk to typed batches. Knows nothing of models or training."""
