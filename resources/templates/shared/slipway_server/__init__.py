"""What the model servers of all frameworks share. A package, so that no name in it meets one of a user's own
modules."""
