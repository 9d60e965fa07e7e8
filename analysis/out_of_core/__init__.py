"""Tables beyond memory: what an engine holds is only ever asked for sums."""
