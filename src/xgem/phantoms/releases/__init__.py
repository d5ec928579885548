"""Small releases in the exact layouts of their publishers, made of phantoms.

Credentialed data cannot be part of a test; the layout can. Each file here writes what one reader of
`xgem.data.sources` reads: same folders, same file names, same columns, simulated contents.
"""

from xgem.phantoms.releases.chexpert_plus import write_chexpert_plus
from xgem.phantoms.releases.folder import write_folder
from xgem.phantoms.releases.mimic_cxr import write_mimic_cxr
from xgem.phantoms.releases.openi import write_openi
from xgem.phantoms.releases.padchest import write_padchest

__all__ = [
    "write_chexpert_plus",
    "write_folder",
    "write_mimic_cxr",
    "write_openi",
    "write_padchest",
]
