"""Where pictures and captions come from: .npz, zip, folder; and every way in which they do not fit."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cellwright.cli import main
from cellwright.errors import DataError
from cellwright.tasks.caption.pictures import FRAMES, IMAGES, VECTORS, normal
from cellwright.tasks.caption.read import read

Image = pytest.importorskip("PIL.Image")
TABLE = "image,caption\na.png,a red thing\nb.png,a blue thing\na.png,it is red\n"


def png(colour: tuple[int, int, int], mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 10), colour).convert(mode).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    images = {"a.png": png((255, 0, 0)), "b.png": png((0, 0, 255), "L"), "c.png": png((0, 255, 0), "P")}
    with zipfile.ZipFile("images.zip", "w") as archive:
        Path("box/deep").mkdir(parents=True)
        for name, content in images.items():
            archive.writestr(f"top/{name}", content)
            Path("box/deep", name).write_bytes(content)
        archive.writestr("top/readme.txt", "no image")
    Path("captions.csv").write_text(TABLE)
    Path("box/captions.csv").write_text(TABLE)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.savez("vectors.npz", names=["a.png", "b.png", "c.png"], x=x)
    np.savez("two.npz", names=["a.png", "b.png", "c.png"], x=x, other=x[:, :2])
    np.savez("clips.npz", **{"a.png": np.ones((5, 4)), "b.png": np.ones((2, 4))})
    np.savez("padded.npz", names=["a.png", "b.png"], x=np.ones((2, 6, 3)), lengths=[6, 2])


def test_a_zip_a_folder_and_a_table_among_its_images_give_the_same() -> None:
    found = [read(data) for data in ("images.zip,captions.csv", "box,captions.csv", "box/captions.csv")]
    for one in found:
        assert [Path(name).name for name in one.names] == ["a.png", "b.png"]
        assert one.captions == [["a red thing", "it is red"], ["a blue thing"]]
        assert one.kind == IMAGES
        assert [len(look) > 100 for look in one.looks] == [True, True]
        assert all((a == b).all() for a, b in zip(one.features, found[0].features, strict=True))
    assert "2 images, 3 rows, image = image, caption = caption" in found[0].note


def test_features_of_pictures_and_of_clips() -> None:
    vectors = read("vectors.npz,captions.csv")
    assert (vectors.kind, vectors.features[1].tolist()) == (VECTORS, [[4.0, 5.0, 6.0, 7.0]])
    assert read("two.npz,captions.csv", features="other").features[0].shape == (1, 2)
    clips = read("captions.csv,clips.npz")
    assert (clips.kind, [len(one) for one in clips.features]) == (FRAMES, [5, 2])
    assert [len(one) for one in read("padded.npz,captions.csv").features] == [6, 2]


def test_names_as_data_sets_write_them() -> None:
    """Flickr8k's `NAME.jpg#0` without a header, names without an ending, columns called otherwise."""
    Path("token.txt").write_text("a.png#0\ta red thing .\na.png#1\tit is red .\nb.png#0\tblue\n")
    assert read("images.zip,token.txt").captions == [["a red thing .", "it is red ."], ["blue"]]
    Path("other.csv").write_text("id,split,words\na,train,red\nb,test,blue\n")
    assert read("images.zip,other.csv", caption="words").captions == [["red"], ["blue"]]


def test_after_training_pictures_need_no_captions() -> None:
    known = {"image": "image", "caption": "caption"}
    assert read("images.zip", known=known).names == ["top/a.png", "top/b.png", "top/c.png"]
    assert read("box/deep/a.png", known=known).captions is None
    Path("wanted.csv").write_text("image\nb.png\n")
    found = read("vectors.npz,wanted.csv", known=known)
    assert (found.names, found.captions) == (["b.png"], None)
    with pytest.raises(DataError, match="there are no captions"):
        found.known()


def test_empty_captions_are_left_out_and_said() -> None:
    Path("captions.csv").write_text("image,caption\na.png,red\nb.png,\na.png,  \n")
    found = read("images.zip,captions.csv")
    assert "2 rows with an empty caption are left out (the first: captions.csv, line 3)" in found.note
    assert found.whole().names == ["top/a.png"]


def write(name: str, content: str | bytes) -> None:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)


# fmt: off
REFUSALS = [
    ("no such picture", "images.zip,captions.csv", ("a caption whose picture is not there", "captions.csv, line 3", "got z.png (1 of 2 rows)", "one of the 3 of images.zip"), lambda: write("captions.csv", "image,caption\na.png,red\nz.png,a dog\n")),
    ("a name with no features", "vectors.npz,captions.csv", ("a caption whose picture is not there", "line 2", "z.png"), lambda: write("captions.csv", "image,caption\nz.png,a dog\n")),
    ("an empty name", "images.zip,captions.csv", ("a caption without the name of its picture", "line 2", "an empty cell"), lambda: write("captions.csv", "image,caption\n,a dog\n")),
    ("a table without the image", "images.zip,captions.csv", ("no column names the pictures", "columns caption, mood", "--image"), lambda: write("captions.csv", "caption,mood\na dog,glad\na cat,sad\n")),
    ("a table without the caption", "images.zip,captions.csv", ("no column to take as the caption", "columns image, a, b", "--caption"), lambda: write("captions.csv", "image,a,b\na.png,1,2\nb.png,1,2\n")),
    ("no such column", "images.zip,captions.csv --caption txt", ("no such column", "txt"), lambda: None),
    ("every caption empty", "images.zip,captions.csv", ("every caption is empty", "2 pictures"), lambda: write("captions.csv", "image,caption\na.png,\nb.png,\n")),
    ("a broken image", "images.zip,captions.csv", ("the image does not read", "images.zip, a.png"), lambda: broken("a.png", png((0, 0, 0))[:40])),
    ("no image at all", "images.zip,captions.csv", ("the image does not read", "images.zip, a.png", "nothing"), lambda: broken("a.png", b"")),
    ("a broken zip", "images.zip,captions.csv", ("the zip file does not open", "images.zip", "pack it again"), lambda: write("images.zip", b"PK\x03\x04 and no more")),
    ("a zip without images", "images.zip,captions.csv", ("no image inside", "images.zip"), lambda: broken("a.txt", b"x")),
    ("features of different width", "clips.npz,captions.csv", ("features of different width", "clips.npz, b.png", "[T, 3]", "[T, 4] as a.png has"), lambda: np.savez("clips.npz", **{"a.png": np.ones((5, 4)), "b.png": np.ones((2, 3))})),
    ("pictures and clips", "clips.npz,captions.csv", ("features of different width", "[4]", "[T, 4]"), lambda: np.savez("clips.npz", **{"a.png": np.ones((5, 4)), "b.png": np.ones(4)})),
    ("not finite", "clips.npz,captions.csv", ("no finite number", "clips.npz, b.png"), lambda: np.savez("clips.npz", **{"a.png": np.ones((5, 4)), "b.png": np.full((2, 4), np.nan)})),
    ("which array", "two.npz,captions.csv", ("which array are the features?", "x, other", "--features"), lambda: None),
    ("no such array", "two.npz,captions.csv --features y", ("no such array", "got y", "x, other"), lambda: None),
    ("features that do not fit the names", "vectors.npz,captions.csv", ("features that do not fit the names", "x [2, 4]", "[3, D]"), lambda: np.savez("vectors.npz", names=list("abc"), x=np.ones((2, 4)))),
    ("a name twice", "vectors.npz,captions.csv", ("a name stands twice", "got a"), lambda: np.savez("vectors.npz", names=["a", "a"], x=np.ones((2, 4)))),
    ("lengths that do not fit", "padded.npz,captions.csv", ("lengths that do not fit the features", "from 1 to 6"), lambda: np.savez("padded.npz", names=["a.png", "b.png"], x=np.ones((2, 6, 3)), lengths=[7, 2])),
    ("features of words", "vectors.npz,captions.csv", ("not of numbers", "vectors.npz, x"), lambda: np.savez("vectors.npz", names=["a.png"], x=[["red"]])),
    ("pickled features", "vectors.npz,captions.csv", ("pickled objects",), lambda: np.savez("vectors.npz", names=["a.png"], x=np.array([{}], dtype=object))),
    ("pictures alone", "images.zip", ("pictures alone, where their captions are needed too", "images.zip,CAPTIONS.csv"), lambda: None),
    ("captions alone", "captions.csv", ("captions, and no pictures beside them", "PICTURES,captions.csv"), lambda: Path("box").rename("../elsewhere") and None),
    ("no pictures", "song.wav,captions.csv", ("no pictures by the extension", "song.wav", "got .wav"), lambda: write("song.wav", "x")),
    ("three files", "images.zip,a,b", ("named with one comma", "images.zip,a,b"), lambda: None),
]
# fmt: on


def broken(name: str, content: bytes) -> None:
    with zipfile.ZipFile("images.zip", "w") as archive:
        archive.writestr(name, content)
        if name.endswith(".png"):
            archive.writestr("b.png", png((0, 0, 0)))


@pytest.mark.parametrize(
    ("data", "parts", "change"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_what_does_not_fit_is_one_line_and_leaves_nothing(
    data: str, parts: tuple[str, ...], change: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(change)
    change()
    assert main(["train", "caption", *data.split(), "--out", "run"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    for part in parts:
        assert part in said[0]
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        ([], None, "there are no pictures"),
        ([[1.0], [[1.0]]], None, "features of different width"),
        ([[[[1.0]]]], None, "features of another shape"),
        (["a dog"], None, "no features"),
        ([[1.0]], "a dog", "one text instead of a list"),
        ([[1.0]], ["a", "b"], "X and y differ in number"),
        ([[1.0]], [[3]], "no text"),
    ],
)
def test_arrays_that_do_not_fit(X: list, y: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        normal(X, y)
