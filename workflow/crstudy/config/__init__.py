"""The configuration: its models, its documents, the groups and the registry of methods."""
