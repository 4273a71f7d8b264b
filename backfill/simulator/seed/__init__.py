"""How a simulated company comes by ten years of history."""
