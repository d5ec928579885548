"""The report of a simulated study, by a small grammar.

Every finding is said once among the findings and again in the impression; what is absent is
denied, or not spoken of. Findings at the edge of visibility are hedged.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xgem.phantoms.findings import LABELS
from xgem.phantoms.streams import Stream, stream
from xgem.study import Finding

LONGEST = 60
"""Words of the longest report, nearly always."""
DEVICES = ("Pacemaker", "Central Line")
"""Findings that are there or not, however severe."""
FAINT = 0.30
"""Below this severity a finding may be hedged."""

SIZES = ("small", "moderate", "large")
GRADES = ("mild", "moderate", "severe")
DENSITIES = ("patchy", "moderate", "dense")


@dataclass(frozen=True, slots=True)
class Choose:
    """Picks one of several ways to say something."""

    rng: np.random.Generator

    def __call__(self, *options: str) -> str:
        """One of ``options``, each as likely as the others."""
        return options[int(self.rng.integers(len(options)))]


def describe(findings: tuple[Finding, ...], seed: int) -> str:
    """The report: "FINDINGS: ..." and "IMPRESSION: ..." on two lines, some 25 to 60 words."""
    rng = stream(seed, Stream.WORDING)
    choose = Choose(rng)
    hedged = {
        f.label: f.label not in DEVICES and f.severity < FAINT and rng.random() < 0.75
        for f in findings
    }
    brief = len(findings) >= 4
    present = [_sentence(f, hedged[f.label], brief, choose) for f in findings]
    absent = [label for label in LABELS if label not in {f.label for f in findings}]
    impression = _impression(findings, hedged, choose, rng)
    spoken = _words([*present, impression])
    goal = int(rng.integers(28, 46))
    denials = _denials(absent, choose)
    for place in rng.permutation(len(denials)):
        sentence = denials[place]
        if spoken >= goal or spoken + _words([sentence]) > LONGEST - 2:
            continue
        spoken += _words([sentence])
        present.append(sentence)
    body = [present[i] for i in rng.permutation(len(present))]
    return f"FINDINGS: {' '.join(body)}\nIMPRESSION: {impression}"


def _words(sentences: Sequence[str]) -> int:
    return sum(len(sentence.split()) for sentence in sentences)


def _grade(words: tuple[str, str, str], severity: float) -> str:
    return words[0] if severity < 0.4 else words[1] if severity < 0.7 else words[2]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _named(finding: Finding, choose: Choose) -> str:
    """The finding as a noun without article: "small left pleural effusion"."""
    side, site, severity = finding.side, finding.site, finding.severity
    if finding.label == "Cardiomegaly":
        return f"{_grade(GRADES, severity)} {choose('cardiomegaly', 'cardiac enlargement')}"
    if finding.label == "Pleural Effusion":
        many = "s" if side == "bilateral" else ""
        return f"{_grade(SIZES, severity)} {side} pleural effusion{many}"
    if finding.label == "Pneumothorax":
        return f"{_grade(SIZES, severity)} {side} pneumothorax"
    if finding.label == "Consolidation":
        dense = _grade(DENSITIES, severity)
        return choose(
            f"{dense} {side} {site} lung consolidation",
            f"{dense} consolidation in the {side} {site} lung",
            f"{dense} airspace consolidation in the {side} {site} lung",
            f"{dense} {side} {site} zone consolidation",
        )
    if finding.label == "Edema":
        grade = _grade(GRADES, severity)
        return choose(f"{grade} bilateral pulmonary edema", f"{grade} bilateral interstitial edema")
    if finding.label == "Lung Lesion":
        what = "mass" if severity > 0.75 else "nodule"
        size = _grade(SIZES, severity)
        return choose(
            f"{size} {what} in the {side} {site} lung",
            f"{size} {side} {site} lung {what}",
            f"{size} {side} {site} zone {what}",
        )
    if finding.label == "Pacemaker":
        return f"{side}{choose(' pacemaker', ' chest wall pacemaker', '-sided pacemaker')}"
    return f"{side} {choose('central line', 'central venous catheter', 'central venous line')}"


def _sentence(finding: Finding, hedged: bool, brief: bool, choose: Choose) -> str:
    """One finding as a full sentence, with its side, its site and how severe it is."""
    if finding.label == "Pacemaker":
        return _pacemaker(finding, brief, choose)
    if finding.label == "Central Line":
        return _central_line(finding, brief, choose)
    name = _named(finding, choose)
    several = finding.side == "bilateral" and finding.label == "Pleural Effusion"
    verb = "are" if several else "is"
    if hedged:
        return choose(
            f"Possible {name}.",
            f"{_capital(name)} cannot be excluded.",
            f"Findings may represent {name}.",
        )
    if brief:
        return f"{_capital(name)}."
    if finding.label == "Cardiomegaly" and choose("noun", "verb") == "verb":
        subject = choose("The heart", "The cardiac silhouette", "Cardiac silhouette")
        return f"{subject} is {_grade(GRADES, finding.severity)}ly enlarged."
    if finding.label == "Edema" and choose("plain", "haze") == "haze":
        grade = _grade(GRADES, finding.severity)
        haze = choose("perihilar haze", "perihilar opacities", "vascular congestion")
        return f"Bilateral {haze} with {grade} pulmonary edema."
    bare = several or finding.label in ("Edema", "Cardiomegaly")
    article = "" if bare else "a "
    return choose(
        f"There {verb} {article}{name}.",
        f"{_capital(name)} {verb} {choose('present', 'seen', 'noted')}.",
        f"{_capital(article + name)} {verb} {choose('present', 'seen', 'noted')}.",
        f"{_capital(name)}.",
    )


def _pacemaker(finding: Finding, brief: bool, choose: Choose) -> str:
    name, site = _named(finding, choose), str(finding.site)
    one = "atrium" not in site
    lead = "lead" if one else "leads"
    if brief:
        return f"{_capital(name)} with {lead} in the {site}."
    return choose(
        f"{_capital(name)} with {'a ' if one else ''}{lead} in the {site}.",
        f"{_capital(name)} is present, with {lead} ending in the {site}.",
        f"A {name} is in place with {lead} in the {site}.",
    )


def _central_line(finding: Finding, brief: bool, choose: Choose) -> str:
    name, site = _named(finding, choose), str(finding.site)
    at = "at" if "junction" in site else "in"
    if brief:
        return f"{_capital(name)} with tip {at} the {site}."
    return choose(
        f"{_capital(name)} with its tip {at} the {site}.",
        f"A {name} ends {at} the {site}.",
        f"The tip of a {name} is {at} the {site}.",
        f"{_capital(name)} terminates {at} the {site}.",
    )


def _denials(absent: list[str], choose: Choose) -> list[str]:
    """Sentences that say what is not there, and what is normal."""
    said = []
    if "Cardiomegaly" in absent:
        said.append(
            choose(
                "The heart is normal in size.",
                "Heart size is normal.",
                "The cardiac silhouette is within normal limits.",
                "No cardiomegaly.",
            )
        )
    pleura = [label.lower() for label in ("Pleural Effusion", "Pneumothorax") if label in absent]
    if pleura:
        if choose("this", "that") == "this":
            pleura.reverse()
        names = " or ".join(pleura)
        said.append(choose(f"No {names}.", f"There is no {names}.", f"No {names} is seen."))
    lungs = {"Consolidation": "consolidation", "Edema": "edema", "Lung Lesion": "nodule"}
    clear = [name for label, name in lungs.items() if label in absent]
    if len(clear) == 3 and not {"Pneumothorax", "Pleural Effusion"} - set(absent):
        said.append(
            choose(
                "The lungs are clear.",
                "Lungs are clear without consolidation or edema.",
                "The lungs are well expanded and clear.",
                "No focal consolidation, edema or nodule.",
            )
        )
    elif clear:
        names = ", ".join(clear[:-1]) + (" or " if len(clear) > 1 else "") + clear[-1]
        said.append(choose(f"No {names}.", f"There is no {names}.", f"No {names} is identified."))
    if not {"Pacemaker", "Central Line"} - set(absent):
        said.append(choose("No lines or devices.", "There are no lines or devices."))
    if "Cardiomegaly" in absent and "Edema" in absent:
        said.append(
            choose(
                "The mediastinal contours are normal.",
                "Mediastinal and hilar contours are unremarkable.",
                "The aorta and hilar contours are normal.",
            )
        )
    said.append(
        choose(
            "The bones are intact.",
            "No acute bone abnormality.",
            "Bony structures are unremarkable.",
            "No fracture is seen.",
        )
    )
    if "Pneumothorax" in absent:
        said.append(choose("The trachea is midline.", "Lung volumes are normal."))
    return said


def _impression(
    findings: tuple[Finding, ...],
    hedged: dict[str, bool],
    choose: Choose,
    rng: np.random.Generator,
) -> str:
    if not findings:
        return choose(
            "No acute cardiopulmonary abnormality.",
            "No acute cardiopulmonary process.",
            "Normal chest radiograph.",
            "No evidence of acute disease.",
            "Normal study, no acute abnormality.",
        )
    said = []
    for place in rng.permutation(len(findings)):
        finding = findings[place]
        name = _named(finding, choose)
        if finding.label == "Central Line" and len(findings) < 4:
            at = "at" if "junction" in str(finding.site) else "in"
            name = f"{name} {choose('with tip ', 'ending ')}{at} the {finding.site}"
        elif finding.label == "Pacemaker" and len(findings) < 4:
            several = "s" if "atrium" in str(finding.site) else ""
            name = f"{name} with lead{several} in the {finding.site}"
        elif len(findings) >= 5 and finding.label not in DEVICES:
            name = name.partition(" ")[2]  # leaves how severe it is to the findings
        elif hedged[finding.label]:
            name = choose(f"possible {name}", f"probable {name}")
        said.append(_capital(name) + ".")
    if not {f.label for f in findings} - set(DEVICES) and len(findings) == 1:
        said.append(choose("No acute cardiopulmonary abnormality.", "No acute disease."))
    return " ".join(said)
