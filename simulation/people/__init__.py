"""Who else takes part: users beside their devices, backends, operators, strangers."""
