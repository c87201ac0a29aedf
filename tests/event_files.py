"""Event files, read with TensorBoard's reader."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def events(run: str) -> EventAccumulator:
    events = EventAccumulator(
        f"lightning_logs/{run}", size_guidance={"images": 0, "tensors": 0, "scalars": 0}
    )
    events.Reload()
    return events


def logged_text(events: EventAccumulator, tag: str) -> str:
    text: bytes = events.Tensors(f"{tag}/text_summary")[0].tensor_proto.string_val[0]
    return text.decode()
