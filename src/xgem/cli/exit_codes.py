"""What the exit code of ``xgem`` says."""

DONE = 0
BUG = 1
"""A mistake of ours; Python's traceback goes with it."""
WRONG = 2
"""The input or the call is wrong: one line on stderr, nothing written."""
STOPPED = 3
"""The user stopped it; what can be resumed says how."""
