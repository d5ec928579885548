"""128 px on two cores in about seven hours: the bundled model."""

from dataclasses import replace

from xgem.data.radiograph import Preprocessing
from xgem.denoisers.coupling import CouplingConfig
from xgem.denoisers.environment import EnvironmentConfig
from xgem.denoisers.image_unet import ImageUNetConfig
from xgem.denoisers.report_unet import ReportUNetConfig
from xgem.diffusion.defaults import SamplingDefaults
from xgem.diffusion.process import Prediction, Process, ScheduleConfig
from xgem.latents.image_vae import ImageVaeConfig
from xgem.latents.report_vae import ReportVaeConfig
from xgem.model import ModalityConfig, ModelConfig
from xgem.prompts.image_encoder import ConvImageEncoderConfig
from xgem.prompts.report_encoder import ReportEncoderConfig
from xgem.study import FRONTAL, LATERAL, REPORT, Modality
from xgem.training.autoencoders import AutoencoderStageConfig
from xgem.training.denoising import DenoisingConfig
from xgem.training.joint import JointConfig
from xgem.training.recipe import PhantomData, Recipe
from xgem.training.shared_space import SharedSpaceConfig
from xgem.training.stage import Optimization

WIDTH = 128
"""Of the shared space."""
TERMINAL = 1e-6
"""Share of signal at the noisiest timestep. Generation begins with noise alone; of a hundred times
this share, the thousand places of a latent together still tell how bright a radiograph is."""
EMPHASIZED = (
    "left", "right", "bilateral", "both", "sides", "upper", "middle", "mid", "lower", "base",
    "basal", "apical", "lobe", "small", "moderate", "large", "mild", "severe", "mildly",
    "moderately", "severely", "minimal", "trace", "tiny", "no", "without",
    "cardiomegaly", "enlarged", "enlargement", "effusion", "effusions", "fluid", "pneumothorax",
    "consolidation", "pneumonia", "infiltrate", "opacity", "edema", "congestion", "failure",
    "nodule", "mass", "pacemaker", "leads", "lead", "central", "line", "catheter",
    "atelectasis", "atelectatic", "collapse", "platelike", "mediastinum", "mediastinal",
    "widening", "widened", "fracture", "fractured", "hyperinflation", "hyperinflated", "emphysema",
)  # fmt: skip
"""Words that decide what a report says, though they are few of its tokens."""


def tiny() -> Recipe:
    """Train the bundled model: 20,000 simulated studies, 8 x 32 x 32 image latents.

    Sizes, rates and shares of time follow what was measured (docs/log.md).
    """
    return Recipe(
        name="tiny",
        model=_model(),
        data=PhantomData(studies=20_512),
        held_out=512,
        vocabulary_size=1024,
        stages=(
            SharedSpaceConfig(
                optimization=_optimization(2600, 128, 1e-3),
                vary=True,
                pairs=0.1,
                words=EMPHASIZED,
            ),
            AutoencoderStageConfig(part="image_vae", optimization=_optimization(4000, 8, 1e-3)),
            AutoencoderStageConfig(
                part="report_vae",
                # Layers this narrow gain nothing from bf16.
                optimization=replace(_optimization(5000, 64, 2e-3), precision="fp32"),
            ),
            DenoisingConfig(modality=FRONTAL, optimization=_optimization(9000, 64, 8e-4)),
            DenoisingConfig(modality=LATERAL, optimization=_optimization(7000, 64, 8e-4)),
            DenoisingConfig(modality=REPORT, optimization=_optimization(6000, 256, 1e-3)),
            JointConfig(
                optimization=_optimization(4000, 64, 2e-3),
                # A guess at a prompt needs no partners of the same timestep, and no denoisers.
                group=1,
                contrast=1.0,
                denoise=False,
            ),
        ),
    )


def _optimization(steps: int, batch_size: int, learning_rate: float) -> Optimization:
    return Optimization(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup=0.05,
        precision="bf16",
        save_every=250,
    )


def _model() -> ModelConfig:
    guess = WIDTH + 1
    environment = EnvironmentConfig(
        model_channels=32, multipliers=(1, 2), blocks=(1, 1), width=guess
    )
    coupling = CouplingConfig(layer="prompt", width=guess, prompt_length=WIDTH**0.5)
    image_denoiser = ImageUNetConfig(
        latent_channels=8,
        patch=2,
        model_channels=64,
        multipliers=(1, 1.5, 1.875),
        blocks=(2, 2, 1),
        attention=(False, True, False),
        heads=4,
        context=WIDTH,
        groups=8,
        prompt_in_time=True,
        time_scale=True,
    )

    def view(modality: Modality) -> ModalityConfig:
        return ModalityConfig(
            modality=modality,
            prompt_encoder=f"{modality.name}_prompt",
            autoencoder="image_vae",
            denoiser=image_denoiser,
            environment=environment,
            coupling=coupling,
        )

    return ModelConfig(
        prompt_width=WIDTH,
        process=Process(
            schedule=ScheduleConfig(kind="cosine", terminal_alpha_bar=TERMINAL),
            prediction=Prediction.VELOCITY,
        ),
        sampling=SamplingDefaults(
            # docs/results/fewer_steps.md: within 2 % of the best AUROC, for 14 passes.
            steps=8,
            solver="unipc",
            guidance=3.0,
            guidance_interval=(0.033, 0.927),
            # Parts made in turn agree better than parts made at once; docs/results/couplings.md.
            joint="chained",
            # A report says plainly what radiographs are then made to show, and a lateral view more
            # of the patient than a frontal one.
            chain=("T", "L", "F"),
            coupling_guidance=3.0,
        ),
        preprocessing=Preprocessing(size=128),
        prompt_encoders={
            "frontal_prompt": ConvImageEncoderConfig(channels=(32, 64, 128, 160), width=WIDTH),
            "lateral_prompt": ConvImageEncoderConfig(channels=(32, 64, 128, 160), width=WIDTH),
            "report_prompt": ReportEncoderConfig(
                positions=136, hidden=128, feed_forward=384, layers=3, heads=4, width=WIDTH
            ),
        },
        autoencoders={
            "image_vae": ImageVaeConfig(
                image_size=128,
                channels=1,
                unshuffle=4,
                block_channels=(64,),
                latent_channels=8,
                shortcut=True,
                balance=0.5,
                middle_attention=False,
                latent_std=1.0,
                kl_weight=1e-4 / 8192,
            ),
            "report_vae": ReportVaeConfig(
                positions=136,
                decoder_positions=136,
                first_position=0,
                longest=136,
                width=128,
                feed_forward=384,
                encoder_layers=3,
                decoder_layers=3,
                heads=4,
                latent=64,
                memory_tokens=4,
                pooling="mean",
                init_std=128**-0.5,
                logvar_offset=-4.0,
                latent_std=1.0,
                kl_weight=0.0005,
                kl_start=0.1,
                free_bits=0.1,
                word_dropout=0.1,
                emphasized_words=EMPHASIZED,
                emphasis=5.0,
                pairs=4.0,
            ),
        },
        modalities=(
            view(FRONTAL),
            view(LATERAL),
            ModalityConfig(
                modality=REPORT,
                prompt_encoder="report_prompt",
                autoencoder="report_vae",
                denoiser=ReportUNetConfig(
                    latent=64,
                    slots=4,
                    model_channels=32,
                    multipliers=(1, 2),
                    blocks=(1, 1),
                    attention=(True, True),
                    heads=4,
                    context=WIDTH,
                    groups=8,
                    prompt_in_time=True,
                ),
                environment=environment,
                coupling=coupling,
            ),
        ),
    )
