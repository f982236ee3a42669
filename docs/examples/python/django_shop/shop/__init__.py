"""A shop in which people sign up. Keys come from the environment, for example SEGMO_SEGMENT_WRITE_KEY."""
