"""What others read: sentences, tables, figures, the report, the ledger and the citation."""
