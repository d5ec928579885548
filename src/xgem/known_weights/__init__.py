"""Training that begins with known weights: strict maps from published networks into ours.

Every tensor of a source is taken, or dropped by a rule that says why it has no place here; every
tensor of ours is taken or named as new; anything else is an error. Sources are folders or hub ids
in the formats of diffusers and transformers, and models of xgem: the imported release, the bundled
model, a run.
"""
