"""What the exit code of ``xgem`` says."""

DONE = 0
FAILED = 1
"""A check found a difference. Python's own code too, for mistakes of ours with their traceback."""
WRONG = 2
"""The input or the call is wrong: one line on stderr, nothing written but what a run, or a store,
goes on from."""
STOPPED = 3
"""The user stopped it; what can be resumed says how."""
