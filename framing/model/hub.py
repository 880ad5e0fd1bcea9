"""Checkpoints on the Hugging Face hub: one folder, one commit.

A repository gets the files that the folder's SHA256SUMS names, and that file: weights, graph, tokenizer, codebook,
thresholds, card. States from which a training resumes lie in folders of their own and are never among them. What is
downloaded is again what SHA256SUMS names, so that the copy verifies as the folder did.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framing.errors import CheckpointNotFoundError, OutputError
from framing.model import checkpoint


def create(
    repo_id: str, *, private: bool | None = None, token: str | bool | None = None, revision: str | None = None
) -> str:
    """Make sure that there is a repository that can be written to; one that is there stays as it is.

    Args:
        repo_id: ``user/name``; a mere name is one of the token's own user.
        private: whether a new repository is private; as the user or organization has it by default when ``None``.
        token: of an account that may write there; the one of ``hf auth login`` or ``HF_TOKEN`` when ``None``.
        revision: a branch, made if it is not there; the main one when ``None``.

    Returns:
        The repository's full id.

    Raises:
        OutputError: the hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with _reporting(repo_id, "check the name, the network, and the token (hf auth login)"):
        created = str(api.create_repo(repo_id, private=private, exist_ok=True).repo_id)
        if revision is not None:
            api.create_branch(created, branch=revision, exist_ok=True)
    return created


def upload(
    folder: Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
) -> str:
    """Upload a finished checkpoint, in one commit.

    Args:
        folder: of the checkpoint; it is verified first.
        repo_id, private, token, revision: as of :func:`create`.
        commit_message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        CheckpointCorruptedError: the folder is no whole checkpoint.
        OutputError: the hub refuses, or cannot be reached; the repository has all of the new files or none.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    checkpoint.verify(folder)
    names = [*checkpoint.read_sums(folder), checkpoint.SUMS]
    created = create(repo_id, private=private, token=token, revision=revision)
    with _reporting(created, f"the checkpoint is whole in {folder}: push it again when the hub can be reached"):
        commit = HfApi(token=token).create_commit(
            created,
            [CommitOperationAdd(name, folder / name) for name in names],
            commit_message=commit_message or "Upload a framing checkpoint",
            revision=revision,
        )
    return str(commit.commit_url)


def download(repo_id: str, revision: str | None = None) -> Path:
    """A checkpoint of the hub in the hub's cache; without a network, the copy that is there.

    Args:
        repo_id: ``user/name``.
        revision: a branch, a tag or a commit; the main branch when ``None``.

    Raises:
        CheckpointNotFoundError: there is no such repository, none that holds a checkpoint, or no way to it.
    """
    from huggingface_hub import hf_hub_download, snapshot_download

    try:
        sums = Path(hf_hub_download(repo_id, checkpoint.SUMS, revision=revision))
        # Both files are of one commit, whatever is pushed in the meantime.
        names = [glob.escape(name) for name in (*checkpoint.read_sums(sums.parent), checkpoint.SUMS)]
        return Path(snapshot_download(repo_id, revision=sums.parent.name, allow_patterns=names))
    except Exception as error:  # the hub raises many kinds of errors, which all mean the same to the user
        raise CheckpointNotFoundError(
            f"there is no folder {repo_id!r}, and the hub gave no checkpoint: {type(error).__name__}: {error}",
            expected="a folder, or a repository of the Hugging Face hub that can be reached and holds a checkpoint",
            hint="check the name and the network, or leave it out to use the shipped model",
        ) from error


@contextmanager
def _reporting(repo_id: str, hint: str) -> Iterator[None]:
    """Turn what the hub says into an OutputError."""
    try:
        yield
    except Exception as error:  # HTTP, network, name and token errors, of several libraries
        said = str(error).strip().splitlines() or [""]
        raise OutputError(
            f"the hub does not take {repo_id!r}: {type(error).__name__}: {said[0]}",
            expected="a repository that the token may write to",
            hint=hint,
        ) from error
