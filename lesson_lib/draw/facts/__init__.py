"""What a picture has to say, worked out from a history before anything is placed."""
