"""Modality <-> latent: where diffusion takes place."""
