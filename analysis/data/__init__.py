"""From an address to the rows that are analysed: reading, types, selection, halves, small cells."""
