"""Files of strangers are read in a process of its own, whose memory, time and disk are limited."""
