"""Speech as other people, rooms and microphones would have made it, from its log-mel features."""
