"""MiniStack, extended: the one package that touches its internals."""
