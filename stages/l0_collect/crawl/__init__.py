"""Fetch pages politely into sealed WARC lots."""
