"""Where labelled pictures come from: what was evaluated before, an uploaded archive, a path, or the catalogue."""
