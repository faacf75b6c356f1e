"""What people read of a run: funnel, samples, pictures."""
