"""The words of a picture: headings, sentences, and what stands at a mark."""
