"""What each lesson asks: one module a lesson, `ITEMS` in the order of its notebook."""
