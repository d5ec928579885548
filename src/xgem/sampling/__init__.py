"""From a study with gaps to one without: what to do, the loop that does it, and the whole of it.

``plan`` turns a task into stages, ``context`` turns prompts into what denoisers hear, ``noise``
draws, ``sampler`` is the loop, ``pipeline`` is `XGeM`, ``provenance`` what is written down.
"""
