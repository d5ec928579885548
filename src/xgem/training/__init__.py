"""The four stages: shared space, autoencoders, denoising, joint; one file each, one loop for all."""
