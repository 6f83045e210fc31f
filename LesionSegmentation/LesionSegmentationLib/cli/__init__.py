"""The command line around the engine: one small file a subcommand, nothing heavy imported before it runs."""
