"""Reports of runs: a summary of plain data, rendered as a page, Markdown or JSON."""
