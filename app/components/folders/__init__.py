"""A list of folders and files to choose from."""
