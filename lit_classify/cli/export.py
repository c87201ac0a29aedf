"""``lit-classify export``: a checkpoint's model for programs that know nothing of Lightning."""

import json
import logging
import shlex
import warnings
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import torch

from lit_classify import __version__, files
from lit_classify.checkpoints import checkpoint as checkpoints
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.cli.argument_parser import parser
from lit_classify.data.table.encoding import Encoder
from lit_classify.errors import UserError, echo
from lit_classify.export.model import RowsToPredictions, schema

NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "safetensors": ("safetensors",)}


def main(arguments: list[str]) -> int:
    """Write the model, its schema and an example into a folder."""
    options = parser("export", "Write a checkpoint's model for programs that know nothing of Lightning.")
    options.add_argument(
        "checkpoint", help="a run's .../checkpoints/best.ckpt, or best or last for the newest"
    )
    options.add_argument(
        "--format", choices=list(NEEDED), default="onnx", help="kind of file (default: onnx)"
    )
    options.add_argument("--out", default="exported", help="folder for the files (default: exported)")
    options.add_argument(
        "--network", help="import path of a network of one's own that the run was trained with"
    )
    options.add_argument("--overwrite", action="store_true", help="replace files that are already there")
    options.add_argument("--activation", help="import path of an activation of one's own, if the run has one")
    given = options.parse_args(arguments[1:])
    lacking = [name for name in NEEDED[given.format] if find_spec(name) is None]
    if lacking:
        raise UserError(f"export needs {', '.join(lacking)}: pip install 'lit_classify[export]'")
    folder = Path(given.out)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"cannot write into {folder}: it is no folder")
    if not given.overwrite and folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty; give --overwrite, or another --out")

    checkpoint = Checkpoint.read(checkpoints.resolve(given.checkpoint))
    model = checkpoint.build_model(given.network, activation=given.activation)
    learned = checkpoint.data.init_args.get("learned") if checkpoint.data else None
    if learned is None:  # points: their coordinates are the features
        encoders = [Encoder(f"x{place}", "number") for place in range(model.hparams["in_features"])]
    else:
        encoders = [Encoder.from_dict(encoder) for encoder in learned["encoders"]]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses packages that are not needed
    whole = RowsToPredictions(encoders, model).eval()
    said = schema(encoders, model, __version__)
    write = _onnx if given.format == "onnx" else _safetensors
    contents = {
        f"model.{given.format}": write(whole, len(encoders)),
        "schema.json": json.dumps(said, indent=2, ensure_ascii=False).encode(),
    }
    if given.format == "onnx" or said["layers"] is not None:  # of one's own network the tensors alone
        example = resources.files("lit_classify.export.templates") / f"{given.format}_model.py"
        contents["example.py"] = example.read_bytes()
    files.write_all({folder / name: content for name, content in contents.items()})
    echo(f"Model:   {folder / f'model.{given.format}'}\nSchema:  {folder / 'schema.json'}")
    if "example.py" in contents:
        echo(f"Try:     cd {shlex.quote(str(folder))} && python example.py rows.csv")
    return 0


def _onnx(whole: RowsToPredictions, num_columns: int) -> bytes:
    """Return ``model.onnx``: rows ``(N, K)`` in, predictions out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own making while it traces
        program = torch.onnx.export(
            whole,
            (torch.zeros(2, num_columns, dtype=torch.float64),),
            input_names=["rows"],
            output_names=["predictions"],
            dynamic_shapes={"rows": {0: torch.export.Dim("N", min=1)}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


def _safetensors(whole: RowsToPredictions, num_columns: int) -> bytes:
    """Return ``model.safetensors``: all tensors, named as in the example."""
    from safetensors.torch import save

    return save({name: tensor.contiguous() for name, tensor in whole.state_dict().items()})
