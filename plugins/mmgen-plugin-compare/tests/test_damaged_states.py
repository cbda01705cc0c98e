"""What says how far a run of a comparison is may be damaged: the run then begins anew."""

from __future__ import annotations

import pytest

from mmgen_plugin_compare.job import Job


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[1]", b"\xff", b"[" * 100_000],
    ids=["empty", "half", "null", "list", "no text", "deep"],
)
def test_a_state_that_is_none_is_like_no_state(tmp_path, content):
    job = Job("elbo-0", tmp_path)
    job.keep(state="done")
    assert job.state() == {"state": "done"}
    (tmp_path / "elbo-0.json").write_bytes(content)
    assert job.state() == {}
