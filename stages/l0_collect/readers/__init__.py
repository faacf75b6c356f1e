"""One reader for each format of file, and how files are found."""
