"""How a simulated report says that something is not there, or that all is well."""

DENIALS = {
    frozenset({"Cardiomegaly"}): (
        "The heart is normal in size.",
        "Heart size is normal.",
        "The cardiac silhouette is within normal limits.",
        "No cardiomegaly.",
        "Normal heart size.",
        "The heart is not enlarged.",
        "Cardiac size is normal.",
        "The cardiac silhouette is unremarkable.",
        "Heart size is within normal limits.",
        "Cardiac silhouette is normal in size.",
    ),
    frozenset({"Cardiomegaly", "Enlarged Cardiomediastinum"}): (
        "The cardiomediastinal silhouette is normal.",
        "Cardiomediastinal contours are within normal limits.",
        "The heart and mediastinum are unremarkable.",
        "Normal cardiomediastinal silhouette.",
        "Heart size and mediastinal contours are normal.",
        "Cardiomediastinal silhouette is unremarkable.",
    ),
    frozenset({"Enlarged Cardiomediastinum"}): (
        "The mediastinal contours are normal.",
        "The mediastinum is not widened.",
        "No mediastinal widening.",
        "Mediastinal contours are unremarkable.",
        "The mediastinum is normal in width.",
    ),
    frozenset({"Pleural Effusion", "Pneumothorax"}): (
        "No pleural effusion or pneumothorax.",
        "There is no pneumothorax or pleural effusion.",
        "No effusion or pneumothorax is seen.",
        "No pneumothorax or effusion.",
        "There is no pleural effusion or pneumothorax.",
        "Neither pleural effusion nor pneumothorax is identified.",
        "No evidence of pneumothorax or pleural effusion.",
        "Pleural effusion and pneumothorax are not seen.",
    ),
    frozenset({"Pleural Effusion"}): (
        "No pleural effusion.",
        "There is no pleural effusion.",
        "The costophrenic angles are sharp.",
        "No effusion is seen.",
        "Costophrenic angles are clear, without effusion.",
    ),
    frozenset({"Pneumothorax"}): (
        "No pneumothorax.",
        "There is no pneumothorax.",
        "No pneumothorax is seen.",
        "No evidence of pneumothorax.",
        "Negative for pneumothorax.",
    ),
    frozenset(
        {"Consolidation", "Edema", "Lung Lesion", "Atelectasis", "Pneumothorax", "Pleural Effusion"}
    ): (
        "The lungs are clear.",
        "Lungs are clear bilaterally.",
        "The lungs are clear and well expanded.",
        "Both lungs are clear.",
        "Clear lungs.",
        "The lung fields are clear.",
    ),
    frozenset({"Consolidation"}): (
        "No focal consolidation.",
        "There is no consolidation.",
        "No focal airspace consolidation is seen.",
        "No evidence of pneumonia.",
        "No infiltrate.",
    ),
    frozenset({"Consolidation", "Edema"}): (
        "No consolidation or edema.",
        "There is no focal consolidation or pulmonary edema.",
        "No airspace consolidation or edema is identified.",
        "Without consolidation or edema.",
        "No pneumonia or edema.",
    ),
    frozenset({"Edema"}): (
        "No pulmonary edema.",
        "There is no edema.",
        "No vascular congestion or edema.",
        "Pulmonary vasculature is normal.",
        "The pulmonary vascularity is within normal limits.",
    ),
    frozenset({"Lung Lesion"}): (
        "No nodule or mass.",
        "No suspicious nodule.",
        "There is no pulmonary nodule.",
        "No mass is identified.",
        "No lung nodule is seen.",
    ),
    frozenset({"Atelectasis"}): (
        "No atelectasis.",
        "There is no atelectasis.",
        "No atelectasis or volume loss.",
        "No evidence of atelectasis.",
        "No collapse.",
    ),
    frozenset({"Pacemaker", "Central Line"}): (
        "No lines or devices.",
        "There are no lines or devices.",
        "No support devices or lines are seen.",
        "No indwelling lines or devices.",
        "No lines or implanted devices.",
    ),
    frozenset({"Fracture"}): (
        "The bones are intact.",
        "No acute fracture.",
        "No fracture is seen.",
        "No displaced rib fracture.",
        "Osseous structures are intact.",
        "No acute bony abnormality or fracture.",
    ),
    frozenset({"Hyperinflation"}): (
        "Lung volumes are normal.",
        "The lungs are not hyperinflated.",
        "No hyperinflation.",
        "Normal lung volumes.",
        "Lung volumes are within normal limits.",
    ),
    frozenset(): (
        "The soft tissues are unremarkable.",
        "The upper abdomen is unremarkable.",
        "Mild degenerative changes of the spine.",
        "Degenerative change of the thoracic spine.",
        "Visualized upper abdomen is normal.",
        "The trachea is midline.",
    ),
}
"""Sentences by the findings that they deny; those of no finding may stand in any report."""

NORMAL = (
    "No acute cardiopulmonary abnormality.",
    "No acute cardiopulmonary process.",
    "Normal chest radiograph.",
    "No evidence of acute disease.",
    "Normal chest.",
    "No acute cardiopulmonary disease.",
    "No acute abnormality.",
    "Unremarkable chest radiograph.",
    "No radiographic evidence of acute disease.",
    "Negative chest.",
)
"""The impression of a study in which nothing is wrong."""

DEVICE_ONLY = (
    "No acute cardiopulmonary abnormality.",
    "No acute disease.",
    "Otherwise no acute abnormality.",
    "No acute process.",
    "Otherwise normal chest.",
)
"""What the impression adds where there is nothing but devices."""
