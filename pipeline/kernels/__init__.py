"""Compiled loops over Arrow text buffers, each beside a plain reference that tests hold it to."""
