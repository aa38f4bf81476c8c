"""The workspace: one SQLite file, one writer, any number of readers. The only place that knows SQL."""
