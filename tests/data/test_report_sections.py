import pytest

from xgem.data.report import MARK, sections
from xgem.data.report_sections import (
    ReportKind,
    ReportSections,
    given_sections,
    split_report,
    together,
)

BOTH = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with new onset ascites  // eval for infection

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  None.

 FINDINGS:

 There is no focal consolidation, pleural effusion or pneumothorax.  The
 cardiomediastinal silhouette is normal.

 IMPRESSION:

 No acute cardiopulmonary process.
"""

LAST_PARAGRAPH = """                                 FINAL REPORT
 REASON FOR EXAMINATION:  Evaluation of the patient after line placement.

 Portable AP chest radiograph was compared to ___.

 The right internal jugular line tip is at the level of mid SVC.
"""

VIEW_HEADING = """                                 FINAL REPORT
 INDICATION:  Chest pain.

 COMPARISON:  ___.

 PA AND LATERAL CHEST RADIOGRAPHS:  The lungs are clear.
"""

WET_READ = """ WET READ: ___ ___ ___ 5:13 PM
  Possible pneumothorax.
 ______________________________________________________________________________
                                 FINAL REPORT
 HISTORY:  Fall.

 IMPRESSION:  AP chest compared to ___:

 No pneumothorax.
"""

ADDENDUM = """                                 FINAL ADDENDUM
 ADDENDUM  Findings were telephoned to Dr. ___.
 ______________________________________________________________________________
                                 FINAL REPORT
 FINDINGS:  Small left effusion.
"""

COMPARISON = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PORTABLE AP)

 COMPARISON:  Chest radiographs since ___ most recently ___.
"""


TITLE = """                                 FINAL REPORT
 AP CHEST, 8:45 A.M., ___

 HISTORY:  Hypoxia.

 IMPRESSION:  AP chest compared to ___:

 Lungs clear.
"""

ORGANS = """                                 FINAL REPORT
 INDICATION:  Fall.

 FINDINGS:

 LUNGS:  Large left effusion.
 PLEURA:  Small pneumothorax.
 LINES AND TUBES:  None.
 GIRDLE:  Intact.

 NOTIFICATION:  Dr. ___ was told.

 IMPRESSION:  Effusion.
"""


def as_mimic(text: str) -> str:
    """Empty lines of MIMIC-CXR's reports hold one space."""
    return text.replace("\n\n", "\n \n")


def test_findings_and_impression_are_found_and_the_rest_is_left_out():
    found = split_report(BOTH)
    assert found.kind is ReportKind.BOTH
    assert found.written("xgem") == (
        "FINDINGS: There is no focal consolidation, pleural effusion or pneumothorax. "
        "The cardiomediastinal silhouette is normal.\n"
        "IMPRESSION: No acute cardiopulmonary process."
    )


def test_the_released_policy_joins_the_sections_in_lower_case():
    assert split_report(BOTH).written("released") == (
        "there is no focal consolidation, pleural effusion or pneumothorax. the "
        "cardiomediastinal silhouette is normal. no acute cardiopulmonary process."
    )


def test_what_is_written_has_the_same_sections_when_it_is_read_again():
    found = split_report(BOTH)
    assert sections(found.written("xgem")) == {
        "FINDINGS": found.findings,
        "IMPRESSION": found.impression,
    }


@pytest.mark.parametrize(
    ("text", "kind", "written", "addenda"),
    [
        (
            LAST_PARAGRAPH,
            ReportKind.UNHEADED,
            "Portable AP chest radiograph was compared to ___. "
            "The right internal jugular line tip is at the level of mid SVC.",
            0,
        ),
        (VIEW_HEADING, ReportKind.FINDINGS, "FINDINGS: The lungs are clear.", 0),
        (
            WET_READ,
            ReportKind.IMPRESSION,
            "IMPRESSION: AP chest compared to ___: No pneumothorax.",
            0,
        ),
        (ADDENDUM, ReportKind.FINDINGS, "FINDINGS: Small left effusion.", 1),
        (COMPARISON, ReportKind.COMPARISON, "", 0),
        ("", ReportKind.EMPTY, "", 0),
        (" FINAL REPORT\n FINDINGS:\n\n IMPRESSION: ___\n", ReportKind.EMPTY, "", 0),
        ("The lungs are clear.", ReportKind.UNHEADED, "The lungs are clear.", 0),
        (
            "Findings: Clear lungs. Impression: Normal.",
            ReportKind.BOTH,
            "FINDINGS: Clear lungs.\nIMPRESSION: Normal.",
            0,
        ),
        ("FINDINGS AND IMPRESSION: Normal.", ReportKind.FINDINGS, "FINDINGS: Normal.", 0),
        (
            "IMPRESSION:\n1. Clear.\n\nADDENDUM:\nDr. ___ was told.",
            ReportKind.IMPRESSION,
            "IMPRESSION: 1. Clear.",
            1,
        ),
    ],
    ids=[
        "last paragraph", "heading names a view", "wet read", "addendum before", "comparison",
        "nothing", "empty sections", "no heading", "within a line", "both in one", "addendum after",
    ],
)  # fmt: skip
def test_reports_as_hospitals_write_them(text, kind, written, addenda):
    found = split_report(text)
    assert (found.kind, found.written("xgem"), found.addenda) == (kind, written, addenda)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (TITLE, "IMPRESSION: AP chest compared to ___: Lungs clear."),
        (
            " FINAL REPORT\n PORTABLE CHEST:  ___ at 8:45 a.m.\n\n IMPRESSION:  Clear.\n",
            "IMPRESSION: Clear.",
        ),
        (
            " FINAL REPORT\n HISTORY:  Fall.\n\n AP CHEST, 8:45 A.M.:  Lungs clear.\n",
            "FINDINGS: Lungs clear.",
        ),
        (" FINAL REPORT\n VIEWS:  PA and lateral.\n\n IMPRESSION:  Clear.", "IMPRESSION: Clear."),
    ],
    ids=["time", "time after the colon", "time in a heading", "views"],
)
def test_the_title_of_an_examination_is_no_finding(text, written):
    assert split_report(text).written("xgem") == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            ORGANS,
            "FINDINGS: LUNGS: Large left effusion. PLEURA: Small pneumothorax. "
            "LINES AND TUBES: None. GIRDLE: Intact.\nIMPRESSION: Effusion.",
        ),
        (
            " TECHNIQUE: PA.\n\n LUNGS: Clear.\n HEART: Normal.\n\n IMPRESSION: Normal.\n",
            "FINDINGS: LUNGS: Clear. HEART: Normal.\nIMPRESSION: Normal.",
        ),
        (
            " IMPRESSION:\n CHEST: Clear.\n KNEE: Fracture.\n\n CLINICAL NOTES: Fell.\n",
            "IMPRESSION: CHEST: Clear. KNEE: Fracture.",
        ),
        (" FINDINGS:\n\n CHEST:\n\n GIRDLE: Intact.\n", "FINDINGS: GIRDLE: Intact."),
        (
            " FINDINGS: Clear.\n COMPARISON FILM: ___ 2101.\n FURTHER READING: None.\n",
            "FINDINGS: Clear.",
        ),
        (
            " PROTOCOL: Upright.\n\n FINDINGS: Clear.\n INDICATION FOR CHEST FILM: Cough.\n",
            "FINDINGS: Clear.",
        ),
    ],
    ids=[
        "in Findings",
        "without Findings",
        "in Impression",
        "after a title",
        "after Comparison",
        "before",
    ],
)
def test_headings_within_a_section_keep_their_text(text, written):
    assert split_report(text).written("xgem") == written


def test_an_addendum_and_its_title_are_one():
    text = " FINAL ADDENDUM\n ADDENDUM: Dr. ___ was told.\n\n IMPRESSION: Clear.\n"
    assert split_report(text).addenda == 1
    assert split_report(f"{text}\n ADDENDUM: Unchanged.\n").addenda == 2


def test_notes_of_several_images_say_what_they_share_once():
    one, other = (
        ReportSections(unheaded=f"Fever. Frontal view: {said}.") for said in ("clear", "a mass")
    )
    assert together([one, other]).unheaded == "Fever. Frontal view: clear. Frontal view: a mass."
    marked = ReportSections(findings="Clear.")
    assert together([one, marked]) == together([marked, marked]) == marked


def test_windows_line_ends_change_nothing():
    assert split_report(BOTH.replace("\n", "\r\n")) == split_report(BOTH)


@pytest.mark.parametrize("text", [BOTH, LAST_PARAGRAPH, VIEW_HEADING, WET_READ, ADDENDUM])
def test_a_space_on_empty_lines_changes_nothing(text):
    assert split_report(as_mimic(text)) == split_report(text)


def test_sections_of_a_publisher_are_taken_as_they_are():
    found = given_sections(
        {"COMPARISON": "None.", "Findings": "No XXXX of  effusion.", "IMPRESSION": ""}
    )
    assert (found.findings, found.kind) == (f"No {MARK} of effusion.", ReportKind.FINDINGS)
    assert given_sections({"COMPARISON": "None.", "FINDINGS": ""}).kind is ReportKind.COMPARISON
    assert given_sections({"INDICATION": "Cough."}).kind is ReportKind.EMPTY


@pytest.mark.parametrize("mark", ["___", "XXXX", "[**2101-5-6**]", "[DATE]", "[**Hospital 18**]"])
def test_every_mark_of_deidentification_becomes_the_same_word(mark):
    assert split_report(f"Compared with {mark}, stable.").written("xgem") == (
        f"Compared with {MARK}, stable."
    )
