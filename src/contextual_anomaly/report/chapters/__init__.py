"""The chapters of the report: each module reads the tables of one stage and returns what its template shows."""
