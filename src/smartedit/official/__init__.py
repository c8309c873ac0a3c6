"""The published checkpoint: finding its files, reading them safely, and writing them as one of our pipeline folders."""
