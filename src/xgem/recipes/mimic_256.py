"""The published shape, on 256 px studies of MIMIC-CXR."""

from xgem.data.radiograph import Preprocessing
from xgem.denoisers.coupling import CouplingConfig
from xgem.denoisers.environment import EnvironmentConfig
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.report_unet import ReportUNetConfig
from xgem.diffusion.defaults import SamplingDefaults
from xgem.latents.image_vae import ImageVaeConfig
from xgem.latents.report_vae import ReportVaeConfig
from xgem.model import ModalityConfig, ModelConfig
from xgem.prompts.image_encoder import ClipImageEncoderConfig
from xgem.prompts.report_encoder import ReportEncoderConfig
from xgem.study import FRONTAL, LATERAL, REPORT
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.recipe import Recipe
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import Optimization

STUDIES = 120_000
"""About what MIMIC-CXR's training split holds with both views and a report."""


def mimic_256() -> Recipe:
    """Train the published model by the published protocol, all couplings `CROSS`.

    Epochs are given as steps at about 120,000 training studies. Source: OFFICIAL release, C.
    """
    return Recipe(
        name="mimic_256",
        model=_model(),
        data=None,
        held_out=2048,
        stages=(
            SharedSpaceConfig(optimization=_epochs(30, 128), whiten=False),
            AutoencoderStageConfig(part="image_vae", optimization=_epochs(10, 32)),
            AutoencoderStageConfig(part="report_vae", optimization=_epochs(100, 64)),
            DenoisingConfig(modality=FRONTAL, optimization=_epochs(100, 128)),
            DenoisingConfig(modality=LATERAL, optimization=_epochs(100, 128)),
            DenoisingConfig(modality=REPORT, optimization=_epochs(100, 256)),
            JointConfig(optimization=_epochs(50, 32), drop=0.1, contrast=1.0),
        ),
    )


def _epochs(epochs: int, batch_size: int) -> Optimization:
    return Optimization(
        steps=epochs * STUDIES // batch_size,
        batch_size=batch_size,
        learning_rate=5e-5,
        precision="bf16",
        save_every=1000,
    )


def _model() -> ModelConfig:
    environment, coupling = EnvironmentConfig(), CouplingConfig()
    return ModelConfig(
        sampling=SamplingDefaults(steps=50, guidance=7.5),
        preprocessing=Preprocessing(size=256),
        prompt_encoders={
            "image_prompt": ClipImageEncoderConfig(),
            "report_prompt": ReportEncoderConfig(),
        },
        autoencoders={"image_vae": ImageVaeConfig(), "report_vae": ReportVaeConfig()},
        modalities=(
            *(
                ModalityConfig(
                    modality=view,
                    prompt_encoder="image_prompt",
                    autoencoder="image_vae",
                    denoiser=ImageUNetConfig(),
                    environment=environment,
                    coupling=coupling,
                )
                for view in (FRONTAL, LATERAL)
            ),
            ModalityConfig(
                modality=REPORT,
                prompt_encoder="report_prompt",
                autoencoder="report_vae",
                denoiser=ReportUNetConfig(),
                environment=environment,
                coupling=coupling,
            ),
        ),
    )
