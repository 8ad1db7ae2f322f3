"""Pure functions, one idea each: ``(samples, plan) -> samples``."""
