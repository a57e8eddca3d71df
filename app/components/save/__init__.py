"""What one takes away from the atlas: files.py makes numbers and pictures, the scripts images, captions and links."""
