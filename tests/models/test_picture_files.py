"""The one walk: what it finds, what it leaves out, and that it ends."""

from __future__ import annotations

import os

from models.picture_files import mark_output, walk


def test_hidden_files_own_outputs_pipes_and_circles(tmp_path):
    for name in ("b/c/1.png", "a/2.png", "3.png", ".hidden/4.png", "a/.5.png", "out/6.png", "line\nbreak.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    mark_output(tmp_path / "out")
    found = [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path)]
    assert found == ["3.png", "a/2.png", "b/c/1.png", "gone.png", "line\nbreak.png"]


def test_linked_folders_are_followed_once(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "1.png").touch()
    (tmp_path / "in").mkdir()
    for name in ("one", "two"):
        (tmp_path / "in" / name).symlink_to(tmp_path / "elsewhere")
    assert [path.name for path in walk(tmp_path / "in")] == ["1.png"]
    assert len(walk(tmp_path / "in" / "one")) == 1
