"""How a simulated report states each finding: sentences of the findings and of the impression.

Words in braces are filled in: ``grade`` (mild ...), ``size`` (small ...), ``density`` (patchy ...),
``side``, ``place`` ("left lower lobe"), ``zone`` ("lower"), ``tip``, ``leads``. Written by hand,
apart from the labeler that reads reports: the two share no table of words.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """Ways to say that one finding is there."""

    stated: tuple[str, ...]
    """Sentences of the findings."""
    hedged: tuple[str, ...]
    """The same where it lies at the edge of visibility."""
    concluded: tuple[str, ...]
    """Sentences of the impression."""
    doubted: tuple[str, ...]
    """The same where it lies at the edge of visibility."""


CARDIOMEGALY = Phrases(
    stated=(
        "There is {grade} cardiomegaly.",
        "The heart is {grade}ly enlarged.",
        "{Grade} cardiomegaly.",
        "Cardiac silhouette is {grade}ly enlarged.",
        "The cardiac silhouette shows {grade} enlargement.",
        "{Grade} enlargement of the cardiac silhouette.",
        "Heart size is {grade}ly increased.",
        "{Grade} cardiac enlargement is present.",
        "The cardiac shadow is {grade}ly enlarged.",
        "{Grade}ly enlarged heart.",
        "{Grade} cardiomegaly is noted.",
        "The cardiothoracic ratio is increased, with {grade} cardiomegaly.",
        "There is {grade} enlargement of the heart.",
        "The heart remains {grade}ly enlarged.",
        "Heart: {grade} cardiomegaly.",
    ),
    hedged=(
        "The heart is borderline enlarged.",
        "Borderline cardiomegaly.",
        "Possible mild cardiomegaly.",
        "Heart size is at the upper limit of normal to mildly enlarged.",
        "Questionable mild cardiomegaly.",
        "The heart may be slightly enlarged.",
        "Borderline heart size, mild cardiomegaly is possible.",
    ),
    concluded=(
        "{Grade} cardiomegaly.",
        "Cardiomegaly, {grade}.",
        "{Grade}ly enlarged cardiac silhouette.",
        "{Grade} cardiac enlargement.",
        "{Grade} enlargement of the heart.",
        "{Grade} cardiomegaly as described.",
        "Enlarged cardiac silhouette, {grade}.",
    ),
    doubted=(
        "Borderline cardiomegaly.",
        "Possible mild cardiomegaly.",
        "Questionable cardiac enlargement.",
        "Borderline heart size.",
        "Probable mild cardiomegaly.",
    ),
)

EFFUSION = Phrases(
    stated=(
        "There is a {size} {side} pleural effusion.",
        "{Size} {side} pleural effusion.",
        "A {size} {side} pleural effusion is present.",
        "A {size} {side} effusion is seen.",
        "{Side} pleural effusion, {size} in size.",
        "Blunting of the {side} costophrenic angle, consistent with a {size} pleural effusion.",
        "{Side} pleural fluid is seen, {size} in amount.",
        "There is {side} pleural fluid with a {size} effusion.",
        "The {side} hemidiaphragm is obscured by a {size} pleural effusion.",
        "{Size} pleural effusion on the {side}.",
        "A {size} effusion blunts the {side} costophrenic sulcus.",
        "{Size} {side}-sided pleural effusion.",
        "{Size} layering {side} pleural effusion.",
        "{Size} amount of {side} pleural fluid.",
        "{Size} {side} effusion is noted.",
    ),
    hedged=(
        "Possible small {side} pleural effusion.",
        "A small {side} pleural effusion cannot be excluded.",
        "Slight blunting of the {side} costophrenic angle may represent a small effusion.",
        "Trace {side} pleural effusion is suspected.",
        "There may be a trace {side} pleural effusion.",
        "Questionable trace {side} effusion.",
        "Minimal blunting of the {side} costophrenic angle suggests a trace pleural effusion.",
    ),
    concluded=(
        "{Size} {side} pleural effusion.",
        "{Side} pleural effusion, {size}.",
        "{Size} {side} effusion.",
        "{Size} {side}-sided pleural effusion.",
        "{Size} pleural effusion on the {side}.",
        "{Size} {side} pleural fluid.",
        "Pleural effusion on the {side}, {size}.",
    ),
    doubted=(
        "Possible small {side} pleural effusion.",
        "Suspected trace {side} pleural effusion.",
        "Questionable small {side} effusion.",
        "Small {side} effusion cannot be excluded.",
        "Probable trace {side} pleural effusion.",
    ),
)

EFFUSIONS = Phrases(
    stated=(
        "There are {size} bilateral pleural effusions.",
        "{Size} bilateral pleural effusions.",
        "{Size} bilateral effusions are present.",
        "Bilateral pleural effusions, {size} in size.",
        "Blunting of both costophrenic angles, consistent with {size} bilateral pleural effusions.",
        "{Size} pleural effusions are seen bilaterally.",
        "{Size} effusions on both sides.",
        "Both hemidiaphragms are obscured by {size} bilateral pleural effusions.",
        "{Size} layering bilateral pleural effusions.",
        "{Size} bilateral pleural fluid collections are noted, with effusions at both bases.",
    ),
    hedged=(
        "Possible small bilateral pleural effusions.",
        "Small bilateral pleural effusions cannot be excluded.",
        "Slight blunting of both costophrenic angles may represent small bilateral effusions.",
        "Trace bilateral pleural effusions are suspected.",
        "There may be trace bilateral pleural effusions.",
    ),
    concluded=(
        "{Size} bilateral pleural effusions.",
        "Bilateral pleural effusions, {size}.",
        "{Size} bilateral effusions.",
        "{Size} pleural effusions on both sides.",
        "{Size} effusions bilaterally.",
    ),
    doubted=(
        "Possible small bilateral pleural effusions.",
        "Suspected trace bilateral effusions.",
        "Questionable small bilateral pleural effusions.",
        "Small bilateral effusions cannot be excluded.",
        "Probable trace bilateral pleural effusions.",
    ),
)

PNEUMOTHORAX = Phrases(
    stated=(
        "There is a {size} {side} pneumothorax.",
        "{Size} {side} pneumothorax.",
        "A {size} {side} pneumothorax is present.",
        "{Side} pneumothorax, {size} in size.",
        "A {size} pneumothorax is seen on the {side}.",
        "A visceral pleural line is seen on the {side}, in keeping with a {size} pneumothorax.",
        "{Size} {side}-sided pneumothorax.",
        "The edge of the {side} lung is seen beside a {size} pneumothorax.",
        "{Size} pneumothorax on the {side}.",
        "Findings show a {size} {side} pneumothorax.",
        "There is free pleural air on the {side}, a {size} pneumothorax.",
        "{Size} {side} pneumothorax is noted.",
    ),
    hedged=(
        "Possible tiny {side} pneumothorax.",
        "A tiny {side} pneumothorax cannot be excluded.",
        "A subtle line over the {side} lung may represent a tiny pneumothorax.",
        "Questionable tiny {side} pneumothorax.",
        "Suspected tiny {side} pneumothorax.",
        "A small {side} pneumothorax is suspected.",
    ),
    concluded=(
        "{Size} {side} pneumothorax.",
        "{Side} pneumothorax, {size}.",
        "{Size} {side}-sided pneumothorax.",
        "{Size} pneumothorax on the {side}.",
        "Pneumothorax on the {side}, {size} in size.",
        "{Size} {side} pneumothorax as above.",
    ),
    doubted=(
        "Possible tiny {side} pneumothorax.",
        "Suspected {side} pneumothorax.",
        "Questionable {side} pneumothorax.",
        "Tiny {side} pneumothorax cannot be excluded.",
        "Equivocal {side} pneumothorax.",
    ),
)

CONSOLIDATION = Phrases(
    stated=(
        "There is {density} consolidation in the {place}.",
        "{Density} {place} consolidation.",
        "{Density} airspace consolidation in the {place}.",
        "A {density} consolidation is seen in the {place}.",
        "{Density} airspace opacity in the {place}, consistent with pneumonia.",
        "{Density} {place} airspace disease.",
        "The {place} shows {density} consolidation.",
        "{Density} opacity with air bronchograms in the {place}.",
        "{Density} infiltrate in the {place}.",
        "There is a {density} infiltrate in the {place}, compatible with pneumonia.",
        "Focal {density} consolidation involves the {place}.",
        "{Density} alveolar opacities in the {place} are consistent with pneumonia.",
        "Consolidation in the {place}, {density}.",
        "{Density} consolidative opacity within the {place}.",
        "{Density} pneumonia in the {place}.",
    ),
    hedged=(
        "Faint opacity in the {place} may represent early consolidation.",
        "Possible subtle consolidation in the {place}.",
        "Subtle {place} consolidation cannot be excluded.",
        "Vague opacity in the {place}, possibly early pneumonia.",
        "Questionable faint infiltrate in the {place}.",
        "A developing consolidation in the {place} is suspected.",
    ),
    concluded=(
        "{Density} consolidation in the {place}.",
        "{Density} {place} consolidation.",
        "{Density} pneumonia of the {place}.",
        "{Density} {place} pneumonia.",
        "{Density} airspace disease in the {place}.",
        "Consolidation of the {place}, {density}.",
        "{Density} infiltrate in the {place}.",
    ),
    doubted=(
        "Possible early pneumonia in the {place}.",
        "Suspected faint consolidation in the {place}.",
        "Questionable {place} infiltrate.",
        "Early {place} pneumonia cannot be excluded.",
        "Possible faint consolidation in the {place}.",
    ),
)

EDEMA = Phrases(
    stated=(
        "There is {grade} pulmonary edema.",
        "{Grade} pulmonary edema.",
        "{Grade} interstitial edema.",
        "Bilateral perihilar haze with {grade} pulmonary edema.",
        "Vascular congestion with {grade} pulmonary edema.",
        "{Grade} bilateral pulmonary edema is present.",
        "Indistinct vessels and Kerley lines, in keeping with {grade} edema.",
        "{Grade} pulmonary vascular congestion and edema.",
        "Perihilar opacities are consistent with {grade} pulmonary edema.",
        "There is cephalization of the vessels with {grade} interstitial edema.",
        "Findings of {grade} congestive heart failure with edema.",
        "Hazy bilateral opacities reflect {grade} pulmonary edema.",
        "{Grade} diffuse pulmonary edema.",
        "Interstitial markings are increased, with {grade} edema.",
    ),
    hedged=(
        "Possible mild pulmonary edema.",
        "Mild vascular congestion is suspected.",
        "Slightly indistinct vessels may reflect minimal edema.",
        "Minimal interstitial edema cannot be excluded.",
        "Questionable mild pulmonary vascular congestion.",
        "Mild interstitial edema is possible.",
    ),
    concluded=(
        "{Grade} pulmonary edema.",
        "{Grade} interstitial edema.",
        "Pulmonary edema, {grade}.",
        "{Grade} pulmonary vascular congestion and edema.",
        "{Grade} bilateral pulmonary edema.",
        "{Grade} edema.",
        "{Grade} congestive failure with edema.",
    ),
    doubted=(
        "Possible mild pulmonary edema.",
        "Suspected mild vascular congestion.",
        "Questionable minimal edema.",
        "Minimal edema cannot be excluded.",
        "Probable mild interstitial edema.",
    ),
)

LESION = Phrases(
    stated=(
        "There is a {size} nodule in the {place}.",
        "A {size} nodule is seen in the {place}.",
        "{Size} {place} nodule.",
        "{Size} pulmonary nodule in the {place}.",
        "A {size} nodular opacity projects over the {place}.",
        "{Size} rounded nodule within the {place}.",
        "The {place} contains a {size} nodule.",
        "A {size} lung nodule is noted in the {place}.",
        "{Size} nodular density in the {place}.",
        "{Size} well-defined nodule in the {place}.",
        "Solitary {size} nodule in the {place}.",
        "There is a {size} pulmonary lesion in the {place}.",
    ),
    hedged=(
        "Possible tiny nodule in the {place}.",
        "A tiny nodule in the {place} cannot be excluded.",
        "Faint nodular density in the {place} may represent a small nodule.",
        "Questionable tiny nodule in the {place}.",
        "Suspected tiny {place} nodule.",
        "A tiny nodule is suspected in the {place}.",
    ),
    concluded=(
        "{Size} nodule in the {place}.",
        "{Size} {place} nodule.",
        "{Size} pulmonary nodule in the {place}.",
        "{Size} {place} pulmonary nodule, CT is recommended.",
        "{Size} lung nodule in the {place}.",
        "Solitary {size} nodule in the {place}.",
    ),
    doubted=(
        "Possible tiny nodule in the {place}.",
        "Suspected {place} nodule.",
        "Questionable nodule in the {place}.",
        "Tiny {place} nodule cannot be excluded.",
        "Possible {place} nodule, CT may help.",
    ),
)

MASS = Phrases(
    stated=(
        "There is a large mass in the {place}.",
        "A large mass is seen in the {place}.",
        "Large {place} mass.",
        "A large rounded mass lies in the {place}.",
        "Large lobulated mass within the {place}.",
        "The {place} contains a large mass.",
        "Large pulmonary mass in the {place}, suspicious for malignancy.",
    ),
    hedged=LESION.hedged,
    concluded=(
        "Large mass in the {place}.",
        "Large {place} mass.",
        "Large {place} mass, suspicious for malignancy.",
        "Large lung mass in the {place}.",
        "Large pulmonary mass in the {place}.",
    ),
    doubted=LESION.doubted,
)
