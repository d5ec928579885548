"""The mathematics of diffusion, without networks: tensors in, tensors out.

``process`` says how noise is added and what a network predicts of it, ``guidance`` how a prompt is
followed more closely, ``ddim`` is the published sampler and ``solvers`` the choice among it and
faster ones.
"""
