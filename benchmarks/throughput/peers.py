"""Other ways to run the checkpoint, each as its library's documentation has it, and two that are cheaper.

Those that run the checkpoint's weights give all that framing gives: logits of every token, voice and kind, made into
frames, hedges, sources and mentions. They read and write with framing's own encoder and decoder, so that what is
compared is the running of the model.

Nothing is imported before a system is opened.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from framing.benchmark.protocol import SystemSpec
from framing.benchmark.systems import FramingSystem, LabellingSystem, Opener
from framing.codebook import Codebook
from framing.engine.base import Batch, Engine, Logits
from framing.errors import InputError, MissingExtraError
from framing.model.checkpoint import Checkpoint
from framing.model.decoding import DecodedSentence, Decoder, TokenLogits
from framing.model.encoding import EncodedSentence, Window

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from framing.model.modeling import FramingModel

ROOT = Path(__file__).parents[2]
_INPUTS = ("input_ids", "attention_mask", "quotation")
_OUTPUTS = ("labels", "voice", "kind")


# --- the checkpoint's weights in other hands --------------------------------------------------------------------------


class ModelPeer(LabellingSystem):
    """Runs the checkpoint's weights with another library.

    Args:
        spec: the declaration.
        checkpoint: its folder.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        for library in self.libraries:
            require(library)
        self.spec = spec
        self.checkpoint = Checkpoint.load(checkpoint)
        self.encoder = self.checkpoint.sentence_encoder()
        self.decoder = Decoder(self.checkpoint.codebook, self.checkpoint.calibration)

    def describe(self) -> dict[str, Any]:
        """Versions of the libraries, and the declared settings that matter."""
        versions = {library: metadata.version(library) for library in self.libraries}
        return {"device": self.spec.device, "threads": self.spec.threads, "batch": self.spec.batch, **versions}


class BatchedPeer(ModelPeer):
    """Runs batches of so many sentences, one after the other.

    Attributes:
        by_length: whether batches are made of sentences of similar length, or as they come.
        workers: batches that are run at the same time.
    """

    by_length: ClassVar[bool] = True
    workers: int = 1

    @abstractmethod
    def run(self, batch: Batch) -> Logits:
        """Run the model once."""

    def label(self, sentences: Sequence[str]) -> list[DecodedSentence]:
        """Encode, run batch by batch, decode."""
        encoded = self.encoder.encode(sentences)
        windows = [only_window(sentence) for sentence in encoded]
        order = _order(windows, by_length=self.by_length)
        groups = [order[first : first + self.spec.batch] for first in range(0, len(order), self.spec.batch)]
        found: dict[int, Logits] = {}
        for group, logits in zip(groups, self._run_all(windows, groups), strict=True):
            found.update(zip(group, _by_sentence(logits, [len(windows[i]) for i in group]), strict=True))
        return list(self.decoder.decode(_joined(found[i] for i in range(len(windows))), encoded, sentences))

    def _run_all(self, windows: Sequence[Window], groups: Sequence[Sequence[int]]) -> Iterable[Logits]:
        batches = (_padded([windows[i] for i in group]) for group in groups)
        if self.workers == 1:
            return map(self.run, batches)
        with ThreadPoolExecutor(self.workers) as pool:
            return list(pool.map(self.run, batches))


class TorchLoop(BatchedPeer):
    """A plain loop in torch: batches as the sentences come, padded to their longest."""

    by_length = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        self.model = load_model(spec, checkpoint)
        self.forward: Callable[..., Any] = self.model

    def run(self, batch: Batch) -> Logits:
        """One forward pass."""
        import torch

        with torch.no_grad():
            inputs = (torch.from_numpy(a).to(self.model.device) for a in (batch.input_ids, *_masks(batch)))
            output = self.forward(*inputs)
        return Logits(*(getattr(output, name).float().cpu().numpy() for name in _OUTPUTS))


class TorchCompile(TorchLoop):
    """The same loop, compiled for batches of any shape, which are made of sentences of similar length."""

    by_length = True

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        import torch

        if shutil.which("g++") is None and shutil.which("clang++") is None:
            raise MissingExtraError("torch.compile finds no C++ compiler", hint="install g++")
        super().__init__(spec, checkpoint)
        compiled = torch.compile(self.model, dynamic=True)
        self.forward = compiled


class TransformersPipeline(ModelPeer):
    """A ``transformers.Pipeline`` around the model; with ``batch: 1`` at its default."""

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        self.pipeline = self._make(load_model(spec, checkpoint))

    def label(self, sentences: Sequence[str]) -> list[DecodedSentence]:
        """Call the pipeline."""
        options = {} if self.spec.batch == 1 else {"batch_size": self.spec.batch}
        labelled: list[DecodedSentence] = self.pipeline(list(sentences), **options)
        return labelled

    def _make(self, model: FramingModel) -> Any:
        import torch
        from transformers import Pipeline

        peer = self

        class FramingPipeline(Pipeline):
            """Text to model input, a forward pass, and logits to labels, as pipelines are made."""

            def _sanitize_parameters(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
                return {}, {}, {}

            def preprocess(self, text: str) -> dict[str, Any]:
                (encoded,) = peer.encoder.encode([text])
                arrays = _padded([only_window(encoded)])
                inputs = (torch.from_numpy(a) for a in (arrays.input_ids, *_masks(arrays)))
                return {**dict(zip(_INPUTS, inputs, strict=True)), "encoded": encoded, "text": text}

            def _forward(self, item: dict[str, Any]) -> dict[str, Any]:
                output = self.model(*(item[name] for name in _INPUTS))
                logits = {name: getattr(output, name) for name in _OUTPUTS}
                return {**logits, "encoded": item["encoded"], "text": item["text"]}

            def postprocess(self, item: dict[str, Any]) -> DecodedSentence:
                logits = Logits(*(item[name].float().numpy() for name in _OUTPUTS))
                encoded: EncodedSentence = item["encoded"]
                one = _joined(_by_sentence(logits, [len(encoded) + 2]))
                (decoded,) = peer.decoder.decode(one, [encoded], [item["text"]])
                return decoded

        return FramingPipeline(model, tokenizer=fast_tokenizer(self.checkpoint), device=self.spec.device)


class SentenceTransformersHeads(ModelPeer):
    """``SentenceTransformer.encode`` for the token states, then the heads on them, as SetFit does with sentences'."""

    libraries = ("torch", "transformers", "sentence-transformers")

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        self.model = load_model(spec, checkpoint)
        self.sentence_transformer = self._make()

    def label(self, sentences: Sequence[str]) -> list[DecodedSentence]:
        """Encode the sentences to token states, put the heads on all of them at once, decode."""
        import torch

        encoded = self.encoder.encode(sentences)
        states = self.sentence_transformer.encode(
            list(sentences), batch_size=self.spec.batch, output_value="token_embeddings", show_progress_bar=False
        )
        with torch.no_grad():
            row = torch.cat(states)
            firsts = torch.stack([state[0] for state in states])
            labels, voice, kind = (
                head(tensor).float().cpu().numpy()
                for head, tensor in ((self.model.labels, row), (self.model.voice, row), (self.model.kind, firsts))
            )
        bounds = np.cumsum([0, *map(len, states)])
        inner = np.ones(bounds[-1], dtype=bool)
        inner[bounds[:-1]] = inner[bounds[1:] - 1] = False
        starts = np.cumsum([0, *(len(state) - 2 for state in states)])
        return list(self.decoder.decode(TokenLogits(labels[inner], voice[inner], kind, starts), encoded, sentences))

    def _make(self) -> Any:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.base.modules import Module

        peer = self

        class TokenStates(Module):
            """The encoder with its quotation embedding, as the first and only module."""

            def __init__(self) -> None:
                super().__init__()
                self.encoder = peer.model.encoder
                self.quotation_embeddings = peer.model.quotation_embeddings

            def preprocess(self, inputs: list[str], prompt: str | None = None, **_: Any) -> dict[str, torch.Tensor]:
                batch = _padded([only_window(sentence) for sentence in peer.encoder.encode(inputs)])
                arrays = (batch.input_ids, *_masks(batch))
                return {name: torch.from_numpy(array) for name, array in zip(_INPUTS, arrays, strict=True)}

            def forward(self, features: dict[str, torch.Tensor], **_: Any) -> dict[str, torch.Tensor]:
                words = self.encoder.get_input_embeddings()(features["input_ids"])
                embedded = words + self.quotation_embeddings(features["quotation"])
                output = self.encoder(inputs_embeds=embedded, attention_mask=features["attention_mask"])
                return {**features, "token_embeddings": output.last_hidden_state}

            def save(self, output_path: str, *_: Any, **__: Any) -> None:
                raise NotImplementedError("a benchmark saves nothing")

        return SentenceTransformer(modules=[TokenStates()], device=self.spec.device)


class OnnxRuntimeStock(BatchedPeer):
    """``torch.onnx.export`` of the model, run in ONNX Runtime with default options and one session."""

    libraries = ("torch", "transformers", "onnxruntime", "onnx")

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        import onnxruntime

        super().__init__(spec, checkpoint)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec.threads or 0
        with tempfile.TemporaryDirectory() as folder:
            path = export(load_model(spec, checkpoint), Path(folder))
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, batch: Batch) -> Logits:
        """One call of the session."""
        inputs = dict(zip(_INPUTS, (batch.input_ids, *_masks(batch)), strict=True))
        return Logits(*self.session.run(list(_OUTPUTS), inputs))


class OpenVino(BatchedPeer):
    """The same export in OpenVINO on a CPU, tuned for throughput, a request in flight for each of its streams."""

    libraries = ("torch", "transformers", "openvino")

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        openvino = require("openvino")
        settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
        if spec.threads:
            settings |= {"INFERENCE_NUM_THREADS": str(spec.threads)}
        with tempfile.TemporaryDirectory() as folder:
            path = export(load_model(spec, checkpoint), Path(folder))
            self.compiled = openvino.Core().compile_model(str(path), "CPU", settings)
        self.workers = int(self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))

    def describe(self) -> dict[str, Any]:
        """Also how many requests run at the same time."""
        return {**super().describe(), "requests": self.workers}

    def run(self, batch: Batch) -> Logits:
        """One request."""
        request = self.compiled.create_infer_request()
        outputs = request.infer(dict(zip(_INPUTS, (batch.input_ids, *_masks(batch)), strict=True)))
        return Logits(*(np.array(outputs[name]) for name in _OUTPUTS))


class CTranslate2(BatchedPeer):
    """The encoder converted for CTranslate2, each thread with batches of its own; the heads are applied with NumPy.

    CTranslate2 knows no quotation embedding, but it knows BERT's embedding of token types: the two are folded into one.
    """

    libraries = ("torch", "transformers", "ctranslate2")

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        self.ctranslate2 = require("ctranslate2")
        model = load_model(spec, checkpoint)
        self.heads = [
            tuple(tensor.detach().numpy() for tensor in (head.weight.T, head.bias))
            for head in (model.labels, model.voice, model.kind)
        ]
        self.workers = spec.threads or 1
        with tempfile.TemporaryDirectory() as folder:
            _save_bert(model, fast_tokenizer(self.checkpoint), Path(folder, "bert"))
            converter = self.ctranslate2.converters.TransformersConverter(str(Path(folder, "bert")))
            converter.convert(str(Path(folder, "converted")))
            self.translator = self.ctranslate2.Encoder(
                str(Path(folder, "converted")), compute_type="float32", inter_threads=self.workers, intra_threads=1
            )

    def run(self, batch: Batch) -> Logits:
        """One call; the token types say what is quoted."""
        lengths = batch.attention_mask.sum(axis=1)
        output = self.translator.forward_batch(
            self.ctranslate2.StorageView.from_array(batch.input_ids.astype(np.int32)),
            self.ctranslate2.StorageView.from_array(lengths.astype(np.int32)),
            token_type_ids=batch.quotation.tolist(),
        )
        states = np.array(output.last_hidden_state)
        labels, voice, kind = self.heads
        return Logits(states @ labels[0] + labels[1], states @ voice[0] + voice[1], states[:, 0] @ kind[0] + kind[1])


# --- cheaper ones, with weights of their own --------------------------------------------------------------------------


class TfidfSystem(LabellingSystem):
    """TF-IDF and logistic regression (:mod:`benchmarks.quality.tfidf`), learned from a part of the seeds."""

    same_weights = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        from benchmarks.quality.run import read_seeds
        from benchmarks.quality.tfidf import TfidfRegression

        codebook = Checkpoint.load(checkpoint).codebook
        seeds = read_seeds(ROOT / "seeds", codebook)
        places = np.random.default_rng(0).permutation(len(seeds))[: spec.train_sentences]
        self.regression = TfidfRegression(seeds.select(places.tolist()), codebook)

    def label(self, sentences: Sequence[str]) -> Sequence[Any]:
        """All outputs; spans and voices by rule."""
        return self.regression.sentences(sentences)


class SpacyTextcat(LabellingSystem):
    """spaCy's bag of words (``textcat_multilabel``), learned from a part of the seeds; labels of sentences only."""

    same_weights = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        spacy = require("spacy")
        from spacy.training import Example

        from benchmarks.quality.run import read_seeds

        codebook = Checkpoint.load(checkpoint).codebook
        seeds = read_seeds(ROOT / "seeds", codebook)
        places = np.random.default_rng(0).permutation(len(seeds))[: spec.train_sentences]
        self.spec = spec
        self.nlp = spacy.blank("en")
        textcat = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": False, "ngram_size": 2}
        self.nlp.add_pipe("textcat_multilabel", config={"model": {**textcat, "no_output_layer": False}})
        examples = [
            Example.from_dict(self.nlp.make_doc(sentence.text), {"cats": _categories(sentence, codebook)})
            for sentence in seeds.select(places.tolist()).sentences
        ]
        self.nlp.initialize(lambda: examples)
        for _ in range(3):
            for first in range(0, len(examples), 64):
                self.nlp.update(examples[first : first + 64])

    def label(self, sentences: Sequence[str]) -> list[dict[str, float]]:
        """A probability for each output of each sentence."""
        return [dict(document.cats) for document in self.nlp.pipe(sentences, batch_size=self.spec.batch)]


def _categories(sentence: Any, codebook: Codebook) -> dict[str, float]:
    present = {tag.output for span in sentence.spans for tag in span.tags}
    return {name: float(name in present) for name in codebook.outputs}


# --- with less precision ----------------------------------------------------------------------------------------------


class Int8System(FramingSystem):
    """framing with a graph that ONNX Runtime has quantised to 8 bits (:mod:`benchmarks.engines_quality.quantize`)."""

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        from benchmarks.engines_quality.quantize import write_int8

        with tempfile.TemporaryDirectory(prefix="framing-int8-") as folder:
            # All 8 bits: unlike AVX2, processors with VNNI add up products without overflow.
            copy = write_int8(
                Checkpoint.load(checkpoint), Path(folder, checkpoint.name), per_channel=True, reduce_range=False
            )
            super().__init__(spec, copy)


# --- everything but the model -----------------------------------------------------------------------------------------


class StandInSystem(FramingSystem):
    """framing with an engine that repeats logits of batches of the same shape: all that is done around the model.

    Shows at the speed of this whether its cost grows with the size of a corpus. Not a figure of labelling.
    """

    same_weights = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        from benchmarks.memory.labelling import StandIn

        engine: Engine = StandIn(self.labeler.engine)
        self.labeler.engine = engine


#: Kind -> what opens it.
PEERS: Mapping[str, Opener] = {
    "pipeline": TransformersPipeline,
    "torch-loop": TorchLoop,
    "torch-compile": TorchCompile,
    "sentence-transformers": SentenceTransformersHeads,
    "onnxruntime": OnnxRuntimeStock,
    "openvino": OpenVino,
    "ctranslate2": CTranslate2,
    "tfidf": TfidfSystem,
    "spacy": SpacyTextcat,
    "int8": Int8System,
    "stand-in": StandInSystem,
}


# --- what they share --------------------------------------------------------------------------------------------------


def require(library: str) -> Any:
    """Import an optional library.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(library.replace("-", "_"))
    except ImportError as error:
        raise MissingExtraError(
            f"{library} cannot be imported: {error}", hint="pip install 'framing[benchmark]'"
        ) from error


def load_model(spec: SystemSpec, checkpoint: Path) -> FramingModel:
    """The model on its device, all of it in the declared precision, as a user of transformers would load it."""
    import torch

    from framing.model.modeling import FramingModel

    if spec.threads:
        torch.set_num_threads(spec.threads)
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(spec.precision, torch.float32)
    return FramingModel.from_pretrained(checkpoint, dtype=dtype).to(spec.device).eval()


def fast_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerFast:
    """The checkpoint's tokenizer as transformers has it."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_file=str(checkpoint.folder / "tokenizer.json"),
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def export(model: FramingModel, folder: Path) -> Path:
    """Write the model as ONNX with torch's exporter, for batches of any size and length."""
    import torch

    class Tupled(torch.nn.Module):
        """The model with its outputs in a tuple, which the exporter needs."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            output = self.model(*inputs)
            return tuple(getattr(output, name) for name in _OUTPUTS)

    # Traced with a padded row, so that the mask is traced as well.
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    axes = {name: {0: "batch", 1: "length"} for name in (*_INPUTS, "labels", "voice")} | {"kind": {0: "batch"}}
    path = folder / "model.onnx"
    with warnings.catch_warnings():
        # Of what tracing may miss; the suite compares the labels.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Tupled().eval(),
            (torch.ones_like(mask), mask, torch.zeros_like(mask)),
            str(path),
            input_names=list(_INPUTS),
            output_names=list(_OUTPUTS),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    return path


def only_window(sentence: EncodedSentence) -> Window:
    """The window of a sentence that has one.

    Raises:
        InputError: it is too long for one; peers do not cut sentences up and put them together again.
    """
    if len(sentence.windows) > 1:
        raise InputError(f"a sentence of {len(sentence)} tokens", expected="sentences that fit into one window")
    return sentence.windows[0]


def _save_bert(model: FramingModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the encoder as a plain BERT whose token types 0 and 1 are outside and inside a quotation."""
    import torch

    types = model.encoder.embeddings.token_type_embeddings
    with torch.no_grad():
        types.weight.copy_(types.weight[:1] + model.quotation_embeddings.weight)
    model.encoder.config.position_embedding_type = "absolute"  # the converter asks; transformers 5 says it no more
    model.encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _masks(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    return batch.attention_mask, batch.quotation


def _order(windows: Sequence[Window], *, by_length: bool) -> list[int]:
    places = range(len(windows))
    return sorted(places, key=lambda i: -len(windows[i])) if by_length else list(places)


def _padded(windows: Sequence[Window]) -> Batch:
    arrays = np.zeros((3, len(windows), max(map(len, windows))), dtype=np.int64)
    for row, window in enumerate(windows):
        arrays[0, row, : len(window)] = window.ids
        arrays[1, row, : len(window)] = 1
        arrays[2, row, : len(window)] = window.quotation
    return Batch(*arrays)


def _by_sentence(logits: Logits, lengths: Sequence[int]) -> Iterator[Logits]:
    """Each row alone, without padding and special tokens."""
    for row, length in enumerate(lengths):
        inner = slice(1, length - 1)
        yield Logits(
            logits.labels[row : row + 1, inner], logits.voice[row : row + 1, inner], logits.kind[row : row + 1]
        )


def _joined(parts: Iterable[Logits]) -> TokenLogits:
    """Sentences one after the other, as the decoder reads them."""
    found = list(parts)
    starts = np.cumsum([0, *(part.labels.shape[1] for part in found)])
    labels, voice = (np.concatenate([getattr(part, name)[0] for part in found]) for name in ("labels", "voice"))
    return TokenLogits(labels, voice, np.concatenate([part.kind for part in found]), starts)
