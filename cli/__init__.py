"""The door: `batchtop ...`. It imports textual only when a dashboard opens, and the engine only when it has work."""
