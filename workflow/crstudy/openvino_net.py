"""deepCR's networks in OpenVINO: the fast backend for CPUs."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crstudy.errors import StudyError
from crstudy.files import complete_folder
from crstudy.tiles import Batches

# It would write to the home folder and call home whenever OpenVINO is imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

#: The fastest of 64 to 1024 px (``make bench``).
TILE_PX = 256
MODEL = "model.xml"


def convert_net(name: str, weights: str | Path, out_dir: str | Path) -> None:
    """Convert a network to OpenVINO's format, in float32.

    Parameters
    ----------
    name : str
        Key of `crstudy.weights.WEIGHTS`.
    weights : path-like
        Its weights, of `crstudy.weights.fetch_weights`.
    out_dir : path-like
        Folder to write; appears only when complete.

    Raises
    ------
    StudyError
        The weights do not fit.
    """
    import torch

    from crstudy.torch_net import load_module
    from crstudy.weights import WEIGHTS

    example = torch.zeros(1, WEIGHTS[name].layers, 64, 64)
    model = openvino.convert_model(load_module(name, weights), example_input=example)
    with complete_folder(out_dir) as folder:
        openvino.save_model(model, folder / MODEL, compress_to_fp16=False)


class OpenVinoNet:
    """A network of deepCR on a CPU.

    Parameters
    ----------
    folder : path-like
        Folder of `convert_net`.
    threads : int
        Threads to use.

    Attributes
    ----------
    tile_px, batch : int
        Side of the tiles and number of windows that `run` takes best.
    arithmetic : str
        Type of the activations.

    Raises
    ------
    StudyError
        The folder holds no model.
    """

    tile_px, batch, arithmetic = TILE_PX, 1, "float32"

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        self._core, self._threads = openvino.Core(), threads
        try:
            self._model = self._core.read_model(Path(folder) / MODEL)
        except RuntimeError:
            problem, fix = "holds no model that OpenVINO can read", "delete it and run again"
            raise StudyError(folder, problem, fix) from None
        self._compiled: dict[tuple[int, ...], openvino.InferRequest] = {}

    def run(self, batches: Batches) -> Iterator[NDArray[np.float32]]:
        """Run batches of windows.

        Parameters
        ----------
        batches : iterable of ndarray, shape (n, layer, y, x), float32
            Windows.

        Yields
        ------
        ndarray, shape (n, y, x), float32
            For each batch, in order; overwritten by the next.
        """
        for windows in batches:
            request = self._request(windows.shape)
            request.infer([openvino.Tensor(windows, shared_memory=True)])
            yield request.get_output_tensor(0).data[:, 0]

    def _request(self, shape: tuple[int, ...]) -> openvino.InferRequest:
        """Compile the network for windows of a shape, once."""
        if shape not in self._compiled:
            self._compiled[shape] = self.compile(shape)
        return self._compiled[shape]

    def compile(self, shape: tuple[int, ...], **more: object) -> openvino.InferRequest:
        """Compile the network for windows of a shape.

        Parameters
        ----------
        shape : (int, int, int, int)
            Windows, layers, rows, columns.
        **more
            Further properties of OpenVINO.

        Returns
        -------
        openvino.InferRequest
        """
        self._model.reshape(list(shape))
        settings = {
            # Else every job takes the machine's first cores; a performance hint brings it back.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_NUM_THREADS": self._threads,
            # Else it takes bfloat16 on processors that have it, and masks change.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = self._core.compile_model(self._model, "CPU", settings | more)
        return compiled.create_infer_request()
