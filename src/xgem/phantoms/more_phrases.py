"""More of `xgem.phantoms.phrases`: devices, collapse, mediastinum, bones, hyperinflation."""

from xgem.phantoms.phrases import Phrases

PACEMAKER = Phrases(
    stated=(
        "{Side} pacemaker with {leads} in the {tip}.",
        "{Side}-sided pacemaker with {leads} in the {tip}.",
        "A {side} chest wall pacemaker is in place, {leads} in the {tip}.",
        "A {side} pacemaker is present with {leads} ending in the {tip}.",
        "{Side} pectoral pacemaker, {leads} in the {tip}.",
        "A {side} cardiac pacemaker has {leads} in the {tip}.",
        "{Side} pacer with {leads} terminating in the {tip}.",
        "{Side} pacemaker is seen, {leads} in the {tip}.",
        "Pacemaker on the {side}, {leads} in the {tip}.",
        "{Side} pacemaker generator with {leads} in the {tip}.",
        "{Side} implanted pacing device with {leads} in the {tip}.",
    ),
    hedged=(),
    concluded=(
        "{Side} pacemaker.",
        "{Side} pacemaker in place.",
        "{Side}-sided pacemaker.",
        "{Side} pacemaker with {leads} in the {tip}.",
        "{Side} pacemaker as described.",
        "{Side} chest wall pacemaker.",
    ),
    doubted=(),
)

CENTRAL_LINE = Phrases(
    stated=(
        "{Side} central line with its tip {tip}.",
        "{Side} central venous catheter with its tip {tip}.",
        "A {side} central venous line ends {tip}.",
        "The tip of a {side} central line is {tip}.",
        "{Side} central line terminates {tip}.",
        "A {side} central venous catheter terminates {tip}.",
        "{Side} central venous catheter tip projects {tip}.",
        "{Side}-sided central line, tip {tip}.",
        "The {side} central venous line has its tip {tip}.",
        "A {side} central catheter is in place with its tip {tip}.",
        "{Side} central venous access catheter, tip {tip}.",
    ),
    hedged=(),
    concluded=(
        "{Side} central line with tip {tip}.",
        "{Side} central venous catheter.",
        "{Side} central line.",
        "{Side} central venous catheter, tip {tip}.",
        "{Side} central venous line in place.",
        "{Side}-sided central line ending {tip}.",
    ),
    doubted=(),
)

ATELECTASIS = Phrases(
    stated=(
        "There is {grade} atelectasis in the {place}.",
        "{Grade} {place} atelectasis.",
        "{Grade} atelectasis is seen in the {place}.",
        "Linear opacities in the {place} represent {grade} atelectasis.",
        "{Grade} atelectatic change in the {place}.",
        "{Grade} volume loss in the {place}, consistent with atelectasis.",
        "{Grade} subsegmental atelectasis in the {place}.",
        "{Grade} platelike atelectasis of the {place}.",
        "The {place} shows {grade} atelectasis.",
        "Atelectasis of the {place}, {grade}.",
        "{Grade} atelectasis with volume loss in the {place}.",
        "{Grade} bandlike atelectasis within the {place}.",
        "{Grade} {place} atelectatic opacity.",
    ),
    hedged=(
        "Possible minimal atelectasis in the {place}.",
        "Faint linear opacity in the {place}, likely atelectasis.",
        "Minimal {place} atelectasis is suspected.",
        "Minimal atelectasis in the {place} cannot be excluded.",
        "Subtle {place} opacity may reflect atelectasis.",
        "Questionable minimal atelectasis in the {place}.",
    ),
    concluded=(
        "{Grade} {place} atelectasis.",
        "{Grade} atelectasis in the {place}.",
        "{Grade} subsegmental atelectasis in the {place}.",
        "Atelectasis of the {place}, {grade} in degree.",
        "{Grade} atelectatic change in the {place}.",
        "{Grade} platelike {place} atelectasis.",
    ),
    doubted=(
        "Possible minimal {place} atelectasis.",
        "Probable minimal atelectasis in the {place}.",
        "Suspected {place} atelectasis.",
        "Minimal {place} atelectasis cannot be excluded.",
        "Questionable atelectasis in the {place}.",
    ),
)

COLLAPSE = Phrases(
    stated=(
        "There is collapse of the {place} with volume loss.",
        "Severe {place} atelectasis with shift of the mediastinum.",
        "Near complete collapse of the {place}.",
        "{Place} collapse with volume loss.",
        "The {place} is collapsed, with severe volume loss.",
        "Severe atelectasis of the {place} with loss of volume.",
    ),
    hedged=ATELECTASIS.hedged,
    concluded=(
        "Collapse of the {place}.",
        "{Place} collapse.",
        "Severe {place} atelectasis.",
        "Severe atelectasis in the {place} with volume loss.",
        "{Place} collapse with loss of volume.",
    ),
    doubted=ATELECTASIS.doubted,
)

WIDE_MEDIASTINUM = Phrases(
    stated=(
        "The mediastinum is {grade}ly widened.",
        "There is {grade} widening of the mediastinum.",
        "{Grade} mediastinal widening.",
        "The superior mediastinum is {grade}ly widened.",
        "{Grade} widening of the upper mediastinum is present.",
        "{Grade}ly enlarged mediastinal silhouette.",
        "The mediastinal contour is {grade}ly widened.",
        "{Grade} mediastinal enlargement.",
        "Mediastinal widening, {grade} in degree.",
        "The upper mediastinal silhouette shows {grade} widening.",
    ),
    hedged=(
        "The mediastinum may be slightly widened.",
        "Possible mild mediastinal widening.",
        "Questionable mild widening of the mediastinum.",
        "Borderline mediastinal widening.",
        "Mild widening of the mediastinum cannot be excluded.",
    ),
    concluded=(
        "{Grade} mediastinal widening.",
        "{Grade}ly widened mediastinum.",
        "{Grade} widening of the mediastinum.",
        "Widened mediastinum, {grade}.",
        "{Grade} enlargement of the mediastinum.",
    ),
    doubted=(
        "Possible mild mediastinal widening.",
        "Questionable widening of the mediastinum.",
        "Borderline mediastinal widening.",
        "Mediastinal widening cannot be excluded.",
        "Suspected mild mediastinal widening.",
    ),
)

FRACTURE = Phrases(
    stated=(
        "There is a {grade}ly displaced {side} {zone} rib fracture.",
        "{Grade}ly displaced fracture of a {side} {zone} rib.",
        "{Side} {zone} rib fracture, {grade}ly displaced.",
        "A {grade}ly displaced rib fracture is seen on the {side}, {zone} chest.",
        "Fracture of the {side} {zone} ribs with {grade} displacement.",
        "A {side} {zone} rib is fractured with {grade} displacement.",
        "Acute {side} {zone} rib fracture with {grade} displacement.",
        "{Side} {zone} rib fractures with {grade} displacement.",
        "The {side} {zone} ribs show a fracture with {grade} displacement.",
        "Osseous structures: {grade}ly displaced {side} {zone} rib fracture.",
    ),
    hedged=(
        "Possible nondisplaced {side} {zone} rib fracture.",
        "A nondisplaced {side} {zone} rib fracture cannot be excluded.",
        "Subtle irregularity of a {side} {zone} rib may represent a fracture.",
        "Questionable {side} {zone} rib fracture.",
        "A nondisplaced fracture of a {side} {zone} rib is suspected.",
    ),
    concluded=(
        "{Side} {zone} rib fracture.",
        "{Grade}ly displaced {side} {zone} rib fracture.",
        "Fracture of a {side} {zone} rib.",
        "Acute {side} {zone} rib fracture.",
        "{Side} {zone} rib fractures, {grade}ly displaced.",
    ),
    doubted=(
        "Possible {side} {zone} rib fracture.",
        "Questionable {side} {zone} rib fracture.",
        "Suspected {side} {zone} rib fracture.",
        "{Side} {zone} rib fracture cannot be excluded.",
        "Equivocal {side} {zone} rib fracture.",
    ),
)

HYPERINFLATION = Phrases(
    stated=(
        "The lungs are {grade}ly hyperinflated.",
        "{Grade} hyperinflation of the lungs.",
        "There is {grade} hyperinflation with flattened hemidiaphragms.",
        "{Grade}ly hyperexpanded lungs.",
        "Lungs are {grade}ly hyperexpanded with flattening of the diaphragm.",
        "Flattened diaphragms and {grade} hyperinflation, in keeping with COPD.",
        "{Grade} emphysematous change with hyperinflation.",
        "{Grade} hyperinflation is present.",
        "Findings of {grade} emphysema with hyperinflated lungs.",
        "The lungs show {grade} hyperinflation.",
    ),
    hedged=(
        "The lungs may be slightly hyperinflated.",
        "Possible mild hyperinflation.",
        "Questionable mild hyperinflation of the lungs.",
        "Borderline hyperinflation.",
        "Mild hyperinflation is suspected.",
    ),
    concluded=(
        "{Grade} hyperinflation.",
        "{Grade}ly hyperinflated lungs.",
        "{Grade} emphysema with hyperinflation.",
        "Hyperinflation, {grade}.",
        "{Grade} hyperinflation, consistent with COPD.",
    ),
    doubted=(
        "Possible mild hyperinflation.",
        "Questionable hyperinflation.",
        "Borderline hyperinflation.",
        "Suspected mild hyperinflation.",
        "Mild hyperinflation cannot be excluded.",
    ),
)
