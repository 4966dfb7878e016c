"""Face detection, alignment and verification with 1-bit networks on small devices."""
