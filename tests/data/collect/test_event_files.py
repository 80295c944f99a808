"""Event files, written by TensorBoard's own writer."""

import json
import sys

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary import Writer
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from training_logs import CONFIG, lines, loss

import bayes_scaling as bs


def write_events(folder, found, began=1e9):
    """What a run logged, a second a line."""
    writer = Writer(str(folder))
    for i, line in enumerate(found):
        for name, value in line.items():
            if name != "step":
                writer.add_scalar(name, value, step=line["step"], wall_time=began + i)
    writer.close()


def text(tag, words):
    """A text as `torch.utils.tensorboard` has it."""
    plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=[words.encode()])
    return Summary(value=[Summary.Value(tag=f"{tag}/text_summary", metadata=plugin, tensor=tensor)])


@pytest.fixture
def events(tmp_path):
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def test_a_run_is_read_as_its_log_is(events, write):
    write_events(events, lines())
    row = bs.collect(events.parent).rows.iloc[0]
    plain = bs.collect(write("b", lines()) / "b").rows.iloc[0]
    same = ["params", "tokens", "flops", "seed", "metric", "step", "params_from", "tokens_from"]
    assert list(row[same]) == list(plain[same])
    assert row["loss"] == np.float32(plain["loss"])  # as TensorBoard keeps numbers
    assert (row["run"], row["reader"], row["source"]) == ("a", "TensorBoard", str(events))


def test_event_files_of_a_run_that_is_there_as_a_log_too_are_a_duplicate(events, write):
    """As the Trainer of Hugging Face leaves both; here numbers are of single precision, there of double."""
    write_events(events, lines())
    found = bs.collect(write("b", lines()))
    assert list(found.rows["run"]) == ["a"]
    assert list(found.left_out()["sentence"]) == ["b is a duplicate: its 'eval/loss' is that of 'a'"]


def test_a_resumed_run_has_one_curve(events):
    """Two files, of which the second goes back; which was written later is not in their names."""
    write_events(events, [{**line, "eval/loss": 9.0} for line in lines(end=700) if "eval/loss" in line])
    write_events(events, [line for line in lines() if line["step"] > 450], began=2e9)
    found = bs.collect(events.parent)
    curve = found.settled[0].history.curves["eval/loss"]
    np.testing.assert_array_equal(curve.steps, np.arange(100, 1001, 100))
    np.testing.assert_allclose(curve.values, [9, 9, 9, 9, *loss(np.arange(500, 1001, 100))], rtol=1e-6)


def test_texts_of_settings_are_config(events):
    """As the Trainer of Hugging Face writes its arguments and the model's config."""
    (events / "config.json").unlink()
    write_events(events, lines())
    writer = EventFileWriter(str(events))
    for name, settings in (("args", {"max_steps": 1000, "seed": 3}), ("model_config", CONFIG)):
        writer.add_event(Event(wall_time=1e9, summary=text(name, json.dumps(settings))))
    writer.add_event(Event(wall_time=1e9, summary=text("notes", "a good run")))
    writer.close()
    assert bs.collect(events.parent).rows.iloc[0]["params"] == 4 * 12 * 64**2 + 64 * (1000 + 128)


def test_event_files_without_curves(events):
    Writer(str(events)).close()
    with pytest.raises(bs.InputError, match=r"a cannot be read: .* has event files without scalars"):
        bs.collect(events.parent)


def test_without_tensorboard_the_extra_is_named(events, monkeypatch):
    write_events(events, lines())
    monkeypatch.setitem(sys.modules, "tensorboard.util.tensor_util", None)
    with pytest.raises(bs.InputError, match=r"pip install 'bayes-scaling\[tensorboard\]'"):
        bs.collect(events.parent)
