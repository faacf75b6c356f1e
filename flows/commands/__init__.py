"""What the command line offers, one file a topic; each command imports what it needs when it is called."""
