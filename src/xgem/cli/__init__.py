"""The ``xgem`` command, one file a subcommand.

Heavy imports stand inside the commands: help and most refusals need no torch.
"""
