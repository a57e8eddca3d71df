"""The page "Mistakes": start an evaluation, find errors, see why, take a report away."""
