"""The published release (MedCoDi-M.pt): its shape and quirks, its weights, and proof of parity.

``configuration`` turns the release's own settings into ours, ``key_map`` says where each of its
tensors belongs, ``source`` and ``conversion`` turn its pickle into a checkpoint folder, ``parity``
compares with tensors that its own code computed.
"""
