"""Other ways to run the checkpoint, each as its library's documentation has it, and two that are cheaper.

Those that run the checkpoint's weights give all that framing gives: the logits of all heads, made into frames, hedges,
sources and mentions. They read and write with framing's own encoder and decoder, so that only the running of the model
is compared.

Nothing is imported before a system is opened.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from benchmarks.harness.protocol import SystemSpec
from benchmarks.harness.systems import FramingSystem, LabellingSystem, Opener
from benchmarks.seeds import read_seeds
from framing.decoding.decoder import DecodedSentence, Decoder
from framing.engine.base import Batch, BatchLogits
from framing.errors import InputError, MissingExtraError
from framing.model.checkpoint import Checkpoint
from framing.model.encoding import EncodedSentence, Window
from framing.model.logits import Logits

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

    from framing.codebook import Codebook
    from framing.codebook.heads import Scope
    from framing.evaluate.gold import GoldSet
    from framing.model.network import FramingModel

_INPUTS = ("input_ids", "attention_mask", "quotation")
_OUTPUTS = ("tokens", "sentences")


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
    def run(self, batch: Batch) -> BatchLogits:
        """Run the model once."""

    def label(self, sentences: Sequence[str]) -> list[DecodedSentence]:
        """Encode, run batch by batch, decode."""
        encoded = self.encoder.encode(sentences)
        windows = [only_window(sentence) for sentence in encoded]
        order = list(range(len(windows)))
        if self.by_length:
            order.sort(key=lambda place: -len(windows[place]))
        groups = [order[first : first + self.spec.batch] for first in range(0, len(order), self.spec.batch)]
        found: dict[int, BatchLogits] = {}
        for group, logits in zip(groups, self._run_all(windows, groups), strict=True):
            found.update(zip(group, _by_sentence(logits, [len(windows[i]) for i in group]), strict=True))
        return list(self.decoder.decode(_joined(found[i] for i in range(len(windows))), encoded, sentences))

    def _run_all(self, windows: Sequence[Window], groups: Sequence[Sequence[int]]) -> Iterable[BatchLogits]:
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

    def run(self, batch: Batch) -> BatchLogits:
        """One forward pass."""
        import torch

        with torch.no_grad():
            output = self.forward(*(torch.from_numpy(array).to(self.model.device) for array in _inputs(batch).values()))
        return BatchLogits(*(getattr(output, name).float().cpu().numpy() for name in _OUTPUTS))


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
                arrays = _inputs(_padded([only_window(encoded)]))
                inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
                return {**inputs, "encoded": encoded, "text": text}

            def _forward(self, item: dict[str, Any]) -> dict[str, Any]:
                output = self.model(*(item[name] for name in _INPUTS))
                logits = {name: getattr(output, name) for name in _OUTPUTS}
                return {**logits, "encoded": item["encoded"], "text": item["text"]}

            def postprocess(self, item: dict[str, Any]) -> DecodedSentence:
                logits = BatchLogits(*(item[name].float().numpy() for name in _OUTPUTS))
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
        read = {"token": torch.cat(states), "sentence": torch.stack([state[0] for state in states])}
        with torch.no_grad():
            tokens, firsts = (
                torch.cat([self.model.layer(head)(read[scope]) for head in self.model.heads.of_scope(scope)], dim=-1)
                for scope in ("token", "sentence")
            )
        bounds = np.cumsum([0, *map(len, states)])
        inner = np.ones(bounds[-1], dtype=bool)
        inner[bounds[:-1]] = inner[bounds[1:] - 1] = False
        starts = np.cumsum([0, *(len(state) - 2 for state in states)])
        logits = Logits(tokens.float().cpu().numpy()[inner], firsts.float().cpu().numpy(), starts)
        return list(self.decoder.decode(logits, encoded, sentences))

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
                return {name: torch.from_numpy(array) for name, array in _inputs(batch).items()}

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

    def run(self, batch: Batch) -> BatchLogits:
        """One call of the session."""
        return BatchLogits(*self.session.run(list(_OUTPUTS), _inputs(batch)))


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

    def run(self, batch: Batch) -> BatchLogits:
        """One request."""
        outputs = self.compiled.create_infer_request().infer(_inputs(batch))
        return BatchLogits(*(np.array(outputs[name]) for name in _OUTPUTS))


@dataclass(frozen=True, slots=True)
class _Linear:
    """A linear layer in NumPy: ``weight`` float32 [inputs, outputs], ``bias`` float32 [outputs]."""

    weight: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, model: FramingModel, scope: Scope) -> Self:
        """All heads of a scope side by side."""
        layers = [model.layer(head) for head in model.heads.of_scope(scope)]
        weights, biases = ([getattr(layer, name).detach().numpy() for layer in layers] for name in ("weight", "bias"))
        return cls(np.concatenate(weights).T, np.concatenate(biases))

    def __call__(self, states: np.ndarray) -> np.ndarray:
        return np.asarray(states @ self.weight + self.bias)


class CTranslate2(BatchedPeer):
    """The encoder converted for CTranslate2, each thread with batches of its own; the heads are applied with NumPy.

    CTranslate2 knows no quotation embedding, but it knows BERT's embedding of token types: the two are folded into one.
    """

    libraries = ("torch", "transformers", "ctranslate2")

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        self.ctranslate2 = require("ctranslate2")
        model = load_model(spec, checkpoint)
        self.token_heads, self.sentence_heads = (_Linear.of(model, scope) for scope in ("token", "sentence"))
        self.workers = spec.threads or 1
        with tempfile.TemporaryDirectory() as folder:
            _save_bert(model, fast_tokenizer(self.checkpoint), Path(folder, "bert"))
            converter = self.ctranslate2.converters.TransformersConverter(str(Path(folder, "bert")))
            converter.convert(str(Path(folder, "converted")))
            self.translator = self.ctranslate2.Encoder(
                str(Path(folder, "converted")), compute_type="float32", inter_threads=self.workers, intra_threads=1
            )

    def run(self, batch: Batch) -> BatchLogits:
        """One call; the token types say what is quoted."""
        lengths = batch.attention_mask.sum(axis=1)
        output = self.translator.forward_batch(
            self.ctranslate2.StorageView.from_array(batch.input_ids.astype(np.int32)),
            self.ctranslate2.StorageView.from_array(lengths.astype(np.int32)),
            token_type_ids=batch.quotation.tolist(),
        )
        states = np.array(output.last_hidden_state)
        return BatchLogits(self.token_heads(states), self.sentence_heads(states[:, 0]))


# --- cheaper ones, with weights of their own --------------------------------------------------------------------------


class TfidfSystem(LabellingSystem):
    """TF-IDF and logistic regression (:mod:`benchmarks.quality.tfidf`), learned from a part of the seeds."""

    same_weights = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        from benchmarks.quality.tfidf import TfidfRegression

        self.regression = TfidfRegression(*_seeds(spec, checkpoint))

    def label(self, sentences: Sequence[str]) -> Sequence[Any]:
        """All outputs; spans and voices by rule."""
        return self.regression.sentences(sentences)


class SpacyTextcat(LabellingSystem):
    """spaCy's bag of words (``textcat_multilabel``), learned from a part of the seeds; labels of sentences only."""

    same_weights = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        spacy = require("spacy")
        from spacy.training import Example

        seeds, codebook = _seeds(spec, checkpoint)
        self.spec = spec
        self.nlp = spacy.blank("en")
        textcat = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": False, "ngram_size": 2}
        self.nlp.add_pipe("textcat_multilabel", config={"model": {**textcat, "no_output_layer": False}})
        examples = []
        for sentence in seeds.sentences:
            present = {tag.output for span in sentence.spans for tag in span.tags}
            categories = {name: float(name in present) for name in codebook.outputs}
            examples.append(Example.from_dict(self.nlp.make_doc(sentence.text), {"cats": categories}))
        self.nlp.initialize(lambda: examples)
        for _ in range(3):
            for first in range(0, len(examples), 64):
                self.nlp.update(examples[first : first + 64])

    def label(self, sentences: Sequence[str]) -> list[dict[str, float]]:
        """A probability for each output of each sentence."""
        return [dict(document.cats) for document in self.nlp.pipe(sentences, batch_size=self.spec.batch)]


def _seeds(spec: SystemSpec, checkpoint: Path) -> tuple[GoldSet, Codebook]:
    """As many seeds as a system learns from, drawn at random, and their codebook."""
    codebook = Checkpoint.load(checkpoint).codebook
    seeds = read_seeds(codebook)
    places = np.random.default_rng(0).permutation(len(seeds))[: spec.train_sentences]
    return seeds.select(places.tolist()), codebook


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
    """framing with an engine that repeats the logits of batches of the same shape: only what surrounds the model runs.

    It shows whether the cost of that grows with the size of a corpus. It is no figure of labelling.
    """

    same_weights = False

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        super().__init__(spec, checkpoint)
        from benchmarks.memory.labelling import StandIn

        self.labeler.engine = StandIn(self.labeler.engine)


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

    from framing.model.network import FramingModel

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
    axes = {name: {0: "batch", 1: "length"} for name in (*_INPUTS, "tokens")} | {"sentences": {0: "batch"}}
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
    """The one window of a sentence.

    Raises:
        InputError: the sentence has several; peers do not put windows together again.
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
    model.encoder.config.position_embedding_type = "absolute"  # the converter reads it; transformers 5 sets it no more
    model.encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _inputs(batch: Batch) -> dict[str, np.ndarray]:
    return {name: getattr(batch, name) for name in _INPUTS}


def _padded(windows: Sequence[Window]) -> Batch:
    arrays = np.zeros((3, len(windows), max(map(len, windows))), dtype=np.int64)
    for row, window in enumerate(windows):
        arrays[0, row, : len(window)] = window.ids
        arrays[1, row, : len(window)] = 1
        arrays[2, row, : len(window)] = window.quotation
    return Batch(*arrays)


def _by_sentence(logits: BatchLogits, lengths: Sequence[int]) -> Iterator[BatchLogits]:
    """Each row alone, without padding and special tokens."""
    for row, length in enumerate(lengths):
        yield BatchLogits(logits.tokens[row : row + 1, 1 : length - 1], logits.sentences[row : row + 1])


def _joined(parts: Iterable[BatchLogits]) -> Logits:
    """Sentences one after the other, as the decoder reads them."""
    found = list(parts)
    starts = np.cumsum([0, *(part.tokens.shape[1] for part in found)])
    tokens = np.concatenate([part.tokens[0] for part in found])
    return Logits(tokens, np.concatenate([part.sentences for part in found]), starts)
