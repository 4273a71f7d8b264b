"""The web page: runs, realms, rate used against rate allowed, faults. It reads, and does nothing else."""
