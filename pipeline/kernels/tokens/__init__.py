"""Byte-level BPE: characters, chunks, word shapes, merges."""
