"""``lit-classify export``: write a checkpoint's model for use without Lightning."""

import json
import logging
import shlex
import warnings
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import torch

from lit_classify import __version__
from lit_classify.atomic_write import write_all
from lit_classify.checkpoints.checkpoint import Checkpoint
from lit_classify.checkpoints.search import find_checkpoint
from lit_classify.cli.argument_parser import add_custom_classes, parser
from lit_classify.cli.output_files import check_directory
from lit_classify.cli.warning_filters import filter_warnings
from lit_classify.data.table.encoders import Encoder
from lit_classify.data.table.fitted_state import FittedState
from lit_classify.data.table.preprocessing import Preprocessor
from lit_classify.errors import UserError
from lit_classify.export.exported_model import ExportedModel, describe_inputs
from lit_classify.messages import echo

REQUIRED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "safetensors": ("safetensors",)}


def main(arguments: list[str]) -> int:
    """Write the model, its schema and an example program into a directory."""
    options = parser("export", "Write a checkpoint's model for use without Lightning.")
    options.add_argument(
        "checkpoint", help="directory of a run, or a checkpoint; best or last for the newest"
    )
    options.add_argument(
        "--format", choices=list(REQUIRED), default="onnx", help="format of the model file (default: onnx)"
    )
    options.add_argument("--out", default="exported", help="output directory (default: exported)")
    options.add_argument("--overwrite", action="store_true", help="overwrite existing files")
    add_custom_classes(options, "network", "activation", "model")
    args = options.parse_args(arguments[1:])
    not_installed = [name for name in REQUIRED[args.format] if find_spec(name) is None]
    if not_installed:
        raise UserError(f"export needs more packages: pip install {' '.join(not_installed)}")
    directory = Path(args.out)
    check_directory(directory)
    if not args.overwrite and directory.is_dir() and any(directory.iterdir()):
        raise UserError(f"{directory} is not empty; add --overwrite, or choose another --out")

    filter_warnings()
    checkpoint = Checkpoint.read(find_checkpoint(args.checkpoint))
    task = checkpoint.custom_class("model", args.model)
    model = checkpoint.build_model(args.network, task, args.activation)
    fitted_state = checkpoint.data.init_args.get("fitted_state") if checkpoint.data else None
    state = None if fitted_state is None else FittedState.from_dict(fitted_state)
    columns = [Encoder(f"x{index}", "number") for index in range(1, model.hparams["in_features"] + 1)]
    preprocessor = Preprocessor(encoders=columns) if state is None else state.preprocessor
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports optional packages as missing
    exported = ExportedModel(preprocessor, model).eval()
    schema = describe_inputs(exported, __version__, state)
    contents = {
        f"model.{args.format}": _to_onnx(exported) if args.format == "onnx" else _to_safetensors(exported),
        "schema.json": json.dumps(schema, indent=2, ensure_ascii=False).encode(),
    }
    if args.format == "onnx" or schema["layers"] is not None:  # the example cannot rebuild a custom network
        examples = resources.files("lit_classify.export.examples")
        contents["example.py"] = (examples / f"{args.format}_example.py").read_bytes()
        contents["read_rows.py"] = (examples / "read_rows.py").read_bytes()
    write_all({directory / name: content for name, content in contents.items()})
    echo(f"Model:   {directory / f'model.{args.format}'}\nSchema:  {directory / 'schema.json'}")
    if "example.py" in contents:
        echo(f"Try:     cd {shlex.quote(str(directory))} && python example.py FILE")
    return 0


def _to_onnx(exported: ExportedModel) -> bytes:
    """Return an ONNX model with the input ``rows`` and the output ``predictions``."""
    rows = torch.zeros(2, len(exported.preprocessor.encoders), dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about its own code while tracing
        program = torch.onnx.export(
            exported,
            (rows,),
            input_names=["rows"],
            output_names=["predictions"],
            dynamic_shapes={"rows": {0: torch.export.Dim("N", min=1)}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    content: bytes = program.model_proto.SerializeToString()
    return content


def _to_safetensors(exported: ExportedModel) -> bytes:
    """Return the state dict in safetensors' format."""
    from safetensors.torch import save

    return save({name: tensor.contiguous() for name, tensor in exported.state_dict().items()})
