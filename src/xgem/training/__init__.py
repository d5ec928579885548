"""The four stages, one file each: shared space, autoencoders, denoising, joint; one loop."""
