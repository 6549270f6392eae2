"""What a kernel or a web page needs, and nothing that a lesson is about."""
