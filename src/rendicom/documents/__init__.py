"""Objects without pixels: reports, key object selections and encapsulated documents."""
