"""Runs code that nobody trusts: `guest` is what runs inside, `host` asks it, `mutations` tells whether tests test."""
