"""Training of deepCR's network in torch."""

import hashlib
import io
import json
import logging
from collections.abc import Mapping, Sequence
from math import cos, pi
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy.table import Table
from torch.nn.functional import binary_cross_entropy_with_logits

from crstudy.core.atomic import complete_file
from crstudy.deepcr.unet_backend import UNet, for_deepcr, rename
from crstudy.deepcr.weights import WEIGHTS, read_weights
from crstudy.training.patches import KINDS, Patches
from crstudy.training.sets import Example
from crstudy.training.validation import DESCRIPTIONS, Validation

logger = logging.getLogger("crstudy")

#: Net that is trained further, and with which others are compared.
ZB20 = "zb20-f606w"
CHANNELS = 32
#: Electrons per unit of the input of a net in training, that of zb20.
SCALE_E = WEIGHTS[ZB20].input_scale_e
#: Extends the seed of patches, as those of `crstudy.training.exposures.PARTS` do.
PATCHES = 23


class Training:
    """A net in training.

    Parameters
    ----------
    training, validation : sequence of Example
        Exposures to train on, and to validate with.
    settings : mapping
        The configuration section ``training``, with start, learning_rate and target_offset of the
        net, seed, saturation_e of the section ``mask`` and matched_rate of ``methods``.
    zb20 : path-like
        Weights of zb20-f606w.
    device : {"auto", "cpu", "cuda"}
        Where to train; auto: on a GPU if torch has one.
    threads : int
        Threads on a CPU. Weights depend on their number in the last digits.
    """

    def __init__(
        self,
        training: Sequence[Example],
        validation: Sequence[Example],
        settings: Mapping[str, Any],
        zb20: str | Path,
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(settings["seed"])
        gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
        self.device = torch.device("cuda" if gpu else "cpu")
        self.settings = settings
        self.patches = Patches(training, settings)
        self.validation = Validation(validation, settings)
        self.net = self._net(zb20 if settings["start"] == ZB20 else None)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=settings["learning_rate"])
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self.zb20: dict[str, float] = {}
        self._weights = zb20
        # What makes a checkpoint one of this training.
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for module in sorted(Path(__file__).parent.glob("*.py")):
            key.update(module.read_bytes())
        for one in (*training, *validation):
            key.update(one.clean.tobytes())
        self._key = key.hexdigest()

    def _net(self, weights: str | Path | None) -> UNet:
        net = UNet(WEIGHTS[ZB20].architecture, 1, CHANNELS)
        if weights is not None:
            content = io.BytesIO(read_weights(weights, WEIGHTS[ZB20]))
            state = torch.load(content, map_location="cpu", weights_only=True)
            net.load_state_dict(rename(state))
        return net.to(self.device, memory_format=torch.channels_last).eval()

    def run(self, checkpoint: str | Path) -> None:
        """Train to the end; continue where an interrupted run of the same training stopped.

        Parameters
        ----------
        checkpoint : path-like
            Keeps the state after every validation; removed at the end.
        """
        checkpoint, n_batches = Path(checkpoint), self.settings["n_batches"]
        self._resume(checkpoint)
        if not self.rows:
            self.zb20 = self._measure(self._net(self._weights))
            self._validate(0, [])
        losses: list[float] = []
        for number in range(self.rows[-1]["batch"], n_batches):
            losses.append(self._step(number))
            if (number + 1) % self.settings["validate_every"] == 0 or number + 1 == n_batches:
                self._validate(number + 1, losses)
                losses = []
                self._save(checkpoint)
        checkpoint.unlink(missing_ok=True)

    def _step(self, number: int) -> float:
        """Train with one batch; return its loss."""
        rng = np.random.default_rng([PATCHES << 64 | self.settings["seed"], number])
        image, target, weight = (
            torch.from_numpy(one).to(self.device) for one in self.patches.batch(rng)
        )
        image = (image / SCALE_E).contiguous(memory_format=torch.channels_last)
        fraction = number / self.settings["n_batches"]
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings["learning_rate"] * 0.5 * (1 + cos(pi * fraction))
        # A batch norm that starts from others' statistics keeps them.
        self.net.train(self.settings["start"] != ZB20)
        loss = binary_cross_entropy_with_logits(self.net(image), target, weight, reduction="sum")
        loss = loss / weight.sum()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.item()

    @torch.no_grad()
    def _measure(self, net: UNet) -> dict[str, float]:
        """Measure a net on the validation groups, one after another."""
        net.eval()
        inputs = (torch.from_numpy(one / SCALE_E)[None, None] for one in self.validation.images)
        logits = [net(one.to(self.device))[0, 0].cpu().numpy() for one in inputs]
        return self.validation.measure(logits)

    def _validate(self, number: int, losses: Sequence[float]) -> None:
        """Add a row to the table; keep the weights if the loss is the lowest so far."""
        found = self._measure(self.net)
        if found["validation_loss"] < min(
            (r["validation_loss"] for r in self.rows), default=np.inf
        ):
            self.best = {name: one.cpu().clone() for name, one in self.net.state_dict().items()}
        loss = float(np.mean(losses)) if losses else float("nan")
        self.rows.append({"batch": number, "training_loss": loss} | found)
        logger.info(
            "%d of %d batches: loss %.5f, in validation %.5f; recall on star cores %.1f %%",
            number,
            self.settings["n_batches"],
            loss,
            found["validation_loss"],
            100 * found["recall_star_core"],
        )

    def _save(self, checkpoint: Path) -> None:
        state = {name: getattr(self, name) for name in ("rows", "best", "zb20")}
        state |= {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}
        with complete_file(checkpoint) as part:
            torch.save(state | {"key": self._key}, part)

    def _resume(self, checkpoint: Path) -> None:
        """Take up the state of an interrupted run, if it is that of the same training."""
        try:
            state = torch.load(checkpoint, map_location=self.device, weights_only=True)
        except FileNotFoundError:
            return
        except Exception as error:  # of a damaged file, almost anything
            logger.warning(
                "%s cannot be read (%s): from the start", checkpoint, type(error).__name__
            )
            return
        if state.pop("key") != self._key:
            logger.info("%s is of another training: from the start", checkpoint)
            return
        self.net.load_state_dict(state.pop("net"))
        self.optimiser.load_state_dict(state.pop("optimiser"))
        for name, value in state.items():
            setattr(self, name, value)
        logger.info("continues after %d batches", self.rows[-1]["batch"])

    def table(self) -> Table:
        """Return the course of the training.

        Returns
        -------
        Table
            A row per validation; metadata: what was trained and how patches were drawn, zb20-f606w
            on the same exposures, and best_batch, whose weights are kept.
        """
        table = Table(self.rows)
        for name, text in DESCRIPTIONS.items():
            table[name].description = text
        best = int(table["batch"][np.argmin(table["validation_loss"])])
        given = {name: value for name, value in self.settings.items() if name != "nets"}
        table.meta = given | {"patches": KINDS, "zb20": self.zb20, "best_batch": best}
        return table

    def weights(self) -> bytes:
        """Return the best weights as a file that deepCR 0.3.1 loads."""
        net = UNet(WEIGHTS[ZB20].architecture, 1, CHANNELS)
        net.load_state_dict(self.best)
        content = io.BytesIO()
        torch.save(for_deepcr(net.eval(), SCALE_E), content)
        return content.getvalue()
