"""The command `vitrine`: it opens the app, or runs a command of `vit_core.cli`."""
