"""Data sets that are read from files: layouts, damaged files, what is skipped and what is refused."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from models.errors import UserError
from study.datasets import load_dataset, mnist
from tests.study.datasets.dataset_trees import write_celeba, write_cifar10, write_mnist, write_pictures


class TestMnist:
    @pytest.mark.parametrize("packed", [True, False])
    def test_parts_labels_and_pixels(self, tmp_path, packed):
        write_mnist(tmp_path, train=40, test=10, packed=packed)
        dataset = load_dataset("mnist", data=tmp_path)
        assert {part: len(rows) for part, rows in dataset.parts.items()} == {"train": 36, "validation": 4, "test": 10}
        assert dataset.parts["test"].tolist() == list(range(40, 50)), "the published test part"
        assert dataset.labels.tolist() == [*range(10)] * 5
        assert dataset.images[np.array([7, 45])].max(axis=(1, 2, 3)).tolist() == [7, 5]

    def test_other_files_than_the_published_are_named(self, tmp_path):
        write_mnist(tmp_path)
        dataset = load_dataset("mnist", data=tmp_path)
        assert dataset.source == "files"
        assert "not the published MNIST files" in dataset.notes[0]

    def test_a_truncated_archive_is_one_line(self, tmp_path):
        write_mnist(tmp_path)
        path = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz is damaged"):
            load_dataset("mnist", data=tmp_path)
        assert not path.with_suffix("").exists()
        assert not (tmp_path / "cache" / "mnist").exists()

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("train-images-idx3-ubyte", b"not idx"),
            ("train-images-idx3-ubyte", bytes.fromhex("00000803 00000003 0000001c 0000001c") + b"too short"),
            ("train-labels-idx1-ubyte", bytes.fromhex("00000801 00000002 0102")),
            ("train-labels-idx1-ubyte", bytes.fromhex("00000801 00000028") + b"\x0b" * 40),
        ],
    )
    def test_damaged_idx_files_are_one_line(self, tmp_path, name, content):
        write_mnist(tmp_path, packed=False)
        (tmp_path / "MNIST" / "raw" / name).write_bytes(content)
        with pytest.raises(UserError, match=r"is damaged|must hold 28×28 pictures") as caught:
            load_dataset("mnist", data=tmp_path)
        assert "\n" not in str(caught.value)

    def test_published_digests_are_those_of_torchvision(self):
        from torchvision.datasets import MNIST

        assert [f"{name}.gz" for name in mnist.PUBLISHED] == [name for name, _ in MNIST.resources]


class TestCifar10:
    def test_archive_is_unpacked_and_read(self, tmp_path, monkeypatch):
        write_cifar10(tmp_path, monkeypatch)
        dataset = load_dataset("cifar10", data=tmp_path)
        assert {part: len(rows) for part, rows in dataset.parts.items()} == {"train": 18, "validation": 2, "test": 4}
        assert dataset.image_shape == (3, 32, 32)
        assert dataset.labels.tolist() == [0, 3, 6, 9] * 6
        rows = np.random.default_rng(0).integers(0, 256, (4, 3072), dtype=np.uint8)
        assert (dataset.images[np.arange(4)].reshape(4, -1) == rows).all(), "channel, row, column as published"

    def test_a_damaged_archive_is_refused(self, tmp_path, monkeypatch):
        archive = write_cifar10(tmp_path, monkeypatch)
        archive.write_bytes(archive.read_bytes()[:-5])
        with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz is not the published file: MD5"):
            load_dataset("cifar10", data=tmp_path)


class TestCeleba:
    def test_parts_attributes_and_crop(self, tmp_path):
        write_celeba(tmp_path, count=30)
        dataset = load_dataset("celeba", data=tmp_path)
        assert {part: len(rows) for part, rows in dataset.parts.items()} == {"train": 20, "validation": 5, "test": 5}
        assert dataset.image_shape == (3, 64, 64)
        assert dataset.factors.shape == (30, 40)
        assert dataset.label_names == ("not Smiling", "Smiling")
        assert dataset.labels.tolist() == [(i >> 3) & 1 for i in range(30)]
        picture = dataset.images[np.array([29])][0].astype(int)
        assert abs(picture[0] - 200).max() <= 8, "exactly the middle 148×148 window"
        assert abs(picture[1] - 29).max() <= 8

    def test_any_attribute_can_be_the_label(self, tmp_path):
        write_celeba(tmp_path)
        smiling, glasses = (load_dataset(name, data=tmp_path) for name in ("celeba", "celeba:Eyeglasses"))
        assert glasses.label_names == ("not Eyeglasses", "Eyeglasses")
        assert glasses.digest != smiling.digest
        with pytest.raises(UserError, match="unknown attribute 'Beard': celeba has Attribute_0, "):
            load_dataset("celeba:Beard", data=tmp_path)

    def test_the_zip_is_unpacked(self, tmp_path):
        write_celeba(tmp_path)
        folder = tmp_path / "celeba"
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
            for path in sorted((folder / "img_align_celeba").iterdir()):
                archive.write(path, f"img_align_celeba/{path.name}")
                path.unlink()
        (folder / "img_align_celeba").rmdir()
        assert len(load_dataset("celeba", data=tmp_path)) == 30

    def test_missing_and_damaged_pictures_are_skipped_and_named(self, tmp_path):
        write_celeba(tmp_path)
        (tmp_path / "celeba" / "img_align_celeba" / "000003.jpg").unlink()
        (tmp_path / "celeba" / "img_align_celeba" / "000005.jpg").write_bytes(b"not a picture")
        dataset = load_dataset("celeba", data=tmp_path)
        assert len(dataset) == 28
        assert "2 of 30 files" in dataset.notes[0]
        assert "000003.jpg" in dataset.notes[0]
        assert dataset.factors[2].tolist() == [(3 >> (j % 5)) & 1 for j in range(40)], "rows stay aligned"

    @pytest.mark.parametrize("name", ["list_attr_celeba.txt", "list_eval_partition.txt"])
    @pytest.mark.parametrize("content", ["", "3\nA B\n000001.jpg 1 7\n", "<html>\n<p>not found</p>\n"])
    def test_damaged_lists_are_one_line(self, tmp_path, name, content):
        write_celeba(tmp_path)
        (tmp_path / "celeba" / name).write_text(content)
        with pytest.raises(UserError, match=r"list_.*\.txt (or .* is damaged|must hold)"):
            load_dataset("celeba", data=tmp_path)


class TestFolder:
    def test_flat(self, tmp_path):
        write_pictures(tmp_path / "mine", count=20)
        dataset = load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path / "data")
        assert dataset.labels is None
        assert dataset.image_shape == (3, 64, 64)
        assert {part: len(rows) for part, rows in dataset.parts.items()} == {"train": 16, "validation": 2, "test": 2}
        assert dataset.images[np.array([3])][0, :, 0, 0].tolist() == [60, 100, 195]

    def test_classes_options_and_mixed_formats(self, tmp_path):
        write_pictures(tmp_path / "mine" / "cat" / "old", count=4, size=(300, 20), suffix="jpg")
        write_pictures(tmp_path / "mine" / "dog", count=4, size=(7, 9), suffix="bmp")
        Image.new("L", (30, 30), 77).save(tmp_path / "mine" / "dog" / "grey.gif")
        (tmp_path / "mine" / "dog" / ".DS_Store").write_bytes(b"hidden")
        dataset = load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path, image_size=28, mode="L")
        assert dataset.label_names == ("cat", "dog")
        assert dataset.labels.tolist() == [0] * 4 + [1] * 5
        assert dataset.image_shape == (1, 28, 28)
        assert dataset.images[np.array([8])].min() == 77
        assert dataset.notes == ()
        assert dataset.preprocessing.image_shape == (1, 28, 28)

    @pytest.mark.parametrize("validation", [True, False])
    def test_parts_of_their_owner(self, tmp_path, validation):
        for part, count in {"train": 10, "test": 5, **({"validation": 3} if validation else {})}.items():
            for label in "ab":
                write_pictures(tmp_path / "mine" / part / label, count=count)
        dataset = load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path)
        sizes = {part: len(rows) for part, rows in dataset.parts.items()}
        wanted = {"train": 20, "validation": 6} if validation else {"train": 18, "validation": 2}
        assert sizes == {**wanted, "test": 10}
        assert dataset.label_names == ("a", "b")

    def test_unreadable_files_are_skipped_and_named(self, tmp_path):
        write_pictures(tmp_path / "mine", count=10)
        whole = (tmp_path / "mine" / "004.png").read_bytes()
        (tmp_path / "mine" / "004.png").write_bytes(whole[:60])
        (tmp_path / "mine" / "notes.txt").write_text("no picture")
        (tmp_path / "mine" / "gone.png").symlink_to("/nowhere")
        os.mkfifo(tmp_path / "mine" / "pipe.png")
        dataset = load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path)
        assert len(dataset) == 9
        assert dataset.notes == ("3 of 12 files are no readable pictures and were skipped: 004.png, gone.png, notes.txt",)
        assert load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path).notes == dataset.notes, "also from the cache"

    def test_texts_beside_class_folders_are_named_and_a_picture_without_ending_counts(self, tmp_path):
        for label in "ab":
            write_pictures(tmp_path / "mine" / label, count=5)
        for name in ("README", "labels.csv"):
            (tmp_path / "mine" / name).write_text("no picture")
        dataset = load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path)
        assert len(dataset) == 10 and dataset.notes == ("beside class folders, no pictures: README, labels.csv",)
        (tmp_path / "mine" / "a" / "000.png").rename(tmp_path / "mine" / "plain")
        with pytest.raises(UserError, match="got both: plain beside a/"):
            load_dataset(f"folder:{tmp_path / 'mine'}", data=tmp_path)

    def test_a_changed_folder_is_read_again(self, tmp_path):
        write_pictures(tmp_path / "mine", count=10)
        name = f"folder:{tmp_path / 'mine'}"
        before = load_dataset(name, data=tmp_path).digest
        os.utime(tmp_path / "mine" / "000.png")
        assert load_dataset(name, data=tmp_path).digest == before, "same content, same digest"
        Image.new("RGB", (50, 40), "white").save(tmp_path / "mine" / "000.png")
        assert load_dataset(name, data=tmp_path).digest != before

    def test_cached_pictures_are_not_read_again(self, tmp_path, monkeypatch):
        write_pictures(tmp_path / "mine", count=10)
        name = f"folder:{tmp_path / 'mine'}"
        load_dataset(name, data=tmp_path)
        monkeypatch.setattr("study.datasets._picture_files.open_picture", lambda *_: pytest.fail("read again"))
        assert len(load_dataset(name, data=tmp_path)) == 10

    @pytest.mark.parametrize(
        ("argument", "options", "message"),
        [
            ("", {}, "write folder:PATH"),
            (":nowhere", {}, "is not a folder"),
            (":empty", {}, "there are no files"),
            (":texts", {}, "none of 2 files is a readable picture: .*a.txt is not a picture"),
            (":two", {}, "at least 3 images"),
            (":mixed", {}, "either pictures or one sub-folder a class, but got both: 000.png beside cat/"),
            (":two", {"image_size": 0}, "1 <= height, width <= 16384 must hold"),
            (":two", {"mode": "CMYK"}, "mode: Input should be 'L' or 'RGB'"),
            (":two", {"image_size": "big"}, "size"),
        ],
    )
    def test_bad_input_is_one_line(self, tmp_path, monkeypatch, argument, options, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        (tmp_path / "texts").mkdir()
        for name in ("a.txt", "b.txt"):
            (tmp_path / "texts" / name).write_text("text")
        write_pictures(tmp_path / "two", count=2)
        write_pictures(tmp_path / "mixed" / "cat")
        write_pictures(tmp_path / "mixed", count=1)
        with pytest.raises(UserError, match=message) as caught:
            load_dataset(f"folder{argument}", data=tmp_path / "data", **options)
        assert "\n" not in str(caught.value)


class TestDigits:
    def test_size_is_free(self, tmp_path):
        dataset = load_dataset("digits", data=tmp_path, image_size=28)
        assert dataset.image_shape == (1, 28, 28)
        assert len(dataset) == 1797
        with pytest.raises(UserError, match="8 <= image_size <= 1024 must hold, but got image_size=4"):
            load_dataset("digits", image_size=4)
