"""Posteriors: specified, sampled, saved, diagnosed and summarised."""
