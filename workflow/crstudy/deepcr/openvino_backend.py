"""deepCR's networks in OpenVINO: the fast backend for CPUs."""

import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crstudy.core.atomic import complete_folder
from crstudy.core.errors import StudyError
from crstudy.deepcr.tiles import HALO_PX, WHOLE_TILE_PX, Batches
from crstudy.deepcr.weights import find_weights

# Its telemetry would write to the home folder and use the network at every import.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

if TYPE_CHECKING:
    import torch

#: Larger tiles save few rim pixels and take more memory (``make bench``).
TILE_PX = 512
#: Files of a converted net: the net, and the checksum of the weights it was made from.
MODEL, CHECKSUM = "model.xml", "weights.sha256"
#: Suffix of the names of half layers.
HALF = "_half"


def convert_net(
    name: str,
    weights: str | Path,
    out_dir: str | Path,
    own: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Convert a network to OpenVINO's format, in float32.

    Parameters
    ----------
    name : str
        As in `crstudy.deepcr.weights.find_weights`.
    weights : path-like
        Its weights, of `crstudy.deepcr.weights.fetch_weights`.
    out_dir : path-like
        Folder to write; appears only when complete.
    own : sequence of mapping
        Nets of the user.

    Raises
    ------
    StudyError
        The weights do not fit.
    """
    import torch

    from crstudy.deepcr.torch_backend import load_module

    known = find_weights(name, own)
    module = load_module(name, weights, own)
    _add_instead_of_joining(module if known.inpaints else module[0])
    example = torch.zeros(1, known.layers, 64, 64)
    model = openvino.convert_model(module, example_input=example)
    with complete_folder(out_dir) as folder:
        openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
        (folder / CHECKSUM).write_text(known.sha256, encoding="utf-8")


def _add_instead_of_joining(network: "torch.fx.GraphModule") -> None:
    """Replace the convolution of concatenated halves by the sum of two convolutions.

    OpenVINO concatenates by a slow copy; the sum is the same but for rounding.
    """
    import torch

    for node in list(network.graph.nodes):
        if node.target is not torch.cat:
            continue
        (user,) = node.users
        whole = network.get_submodule(user.target)
        halves = node.args[0]
        weights = whole.weight.detach().chunk(len(halves), dim=1)
        with network.graph.inserting_before(user):
            terms = []
            for number, (half, weight) in enumerate(zip(halves, weights, strict=True)):
                part = torch.nn.Conv2d(
                    weight.shape[1], weight.shape[0], 3, padding=1, bias=number == 0
                )
                part.weight.data = weight.clone()
                if number == 0:
                    part.bias.data = whole.bias.detach().clone()
                name = f"{user.target}{HALF}{number}"
                network.add_submodule(name, part)
                terms.append(network.graph.call_module(name, (half,)))
            total = network.graph.call_function(torch.add, tuple(terms))
        user.replace_all_uses_with(total)
        network.graph.erase_node(user)
        network.graph.erase_node(node)
    network.recompile()


class OpenVinoNet:
    """A network on a CPU.

    Parameters
    ----------
    name : str
        As in `crstudy.deepcr.weights.find_weights`.
    folder : path-like
        Folder of `convert_net`.
    threads : int
        Threads to use.
    own : sequence of mapping
        Nets of the user.

    Attributes
    ----------
    tile_px, halo_px, batch : int
        Side of the tiles, their rim and number of windows that `run` takes best.
    arithmetic : str
        Type of the activations.

    Raises
    ------
    StudyError
        The folder holds no model, or one of other weights.
    """

    batch, arithmetic = 1, "float32"

    def __init__(
        self,
        name: str,
        folder: str | Path,
        threads: int = 1,
        own: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._core, self._threads = openvino.Core(), threads
        known, fix = find_weights(name, own), "delete it and run again"
        self.tile_px = WHOLE_TILE_PX if known.sees_whole_tiles else TILE_PX
        self.halo_px = 0 if known.sees_whole_tiles else HALO_PX
        try:
            made_from = (Path(folder) / CHECKSUM).read_text(encoding="utf-8")
            self._model = self._core.read_model(Path(folder) / MODEL)
        except (OSError, RuntimeError):
            problem = "holds no model that OpenVINO can read"
            raise StudyError(folder, problem, fix) from None
        if made_from != known.sha256:
            problem = f"made from weights of sha256 {made_from[:12]}, expected {known.sha256[:12]}"
            raise StudyError(folder, problem, fix)
        self._requests: dict[tuple[int, ...], list[openvino.InferRequest]] = {}

    def run(self, batches: Batches) -> Iterator[NDArray[np.float32]]:
        """Run batches of windows, one on each thread.

        Parameters
        ----------
        batches : iterable of ndarray, shape (n, layer, y, x), float32
            Windows.

        Yields
        ------
        ndarray, shape (n, y, x), float32
            For each batch, in order; overwritten by a later one.
        """
        under_way: deque[openvino.InferRequest] = deque()
        for number, windows in enumerate(batches):
            if len(under_way) == self._threads:
                yield _result(under_way.popleft())
            request = self._requests_for(windows.shape)[number % self._threads]
            request.start_async([windows])
            under_way.append(request)
        while under_way:
            yield _result(under_way.popleft())

    def _requests_for(self, shape: tuple[int, ...]) -> list[openvino.InferRequest]:
        """Compile the network for windows of a shape, once."""
        if shape not in self._requests:
            compiled = self.compile(shape)
            requests = [compiled.create_infer_request() for _ in range(self._threads)]
            self._requests[shape] = requests
        return self._requests[shape]

    def compile(self, shape: tuple[int, ...], **more: object) -> openvino.CompiledModel:
        """Compile the network for windows of a shape.

        Parameters
        ----------
        shape : (int, int, int, int)
            Windows, layers, rows, columns.
        **more
            Further properties of OpenVINO.
        """
        self._model.reshape(list(shape))
        settings = {
            # Pinned, every job takes the machine's first cores; a performance hint would pin it.
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self._threads,
            # Else it takes bfloat16 on processors that have it, and masks change.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        return self._core.compile_model(self._model, "CPU", settings | more)


def _result(request: openvino.InferRequest) -> NDArray[np.float32]:
    """Wait for a request."""
    request.wait()
    return request.get_output_tensor(0).data[:, 0]
