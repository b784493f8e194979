"""Unpacking: the wanted members and no others, and nothing outside of the folder."""

import os
import random
import shutil
import stat
import subprocess
import sys
import time
import zipfile

import pytest

from contextual_anomaly.download.archive import unpack_file, unpack_folder
from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.paths import are_plain, escapes_directory


@pytest.fixture
def archive(tmp_path):
    """A function that writes an archive of (name, content) and gives its path."""

    def write(*members, name="a.zip"):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            for member, content in members:
                entry = zipfile.ZipInfo(member) if isinstance(member, str) else member
                # ZipInfo itself cleans names up; an attacker's does not.
                entry.filename = entry.orig_filename
                package.writestr(entry, content)
        return path

    return write


def test_only_the_wanted_file_is_written(archive, tmp_path):
    path = archive(("annotations/a.json", b"A"), ("annotations/b.json", b"B"))
    unpack_file(path, "annotations/a.json", tmp_path / "out" / "a.json")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.json"]
    assert (tmp_path / "out/a.json").read_bytes() == b"A"


def test_only_the_wanted_folder_is_written_and_replaces_what_was_there(archive, tmp_path):
    path = archive(("val2017/1.jpg", b"1"), ("val2017/sub/2.jpg", b"2"), ("train2017/3.jpg", b"3"), ("val2017/", b""))
    unpack_folder(archive(("val2017/old.jpg", b"old"), name="old.zip"), "val2017/", tmp_path / "out")
    (tmp_path / "old.zip").unlink()
    assert unpack_folder(path, "val2017/", tmp_path / "out") == 2
    assert sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")) == [
        ".manifest.json",
        "1.jpg",
        "sub/2.jpg",
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.lock", "a.zip", "out"]


OUTSIDE = [
    "../evil",
    "val2017/../../evil",
    "/etc/evil",
    "C:evil",
    "c:\\evil",
    "..\\evil",
    "val2017\\..\\..\\evil",
    "\\x",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("wanted", ["val2017/", "val2017/1.jpg"])
def test_a_member_that_points_outside_is_refused_by_name(archive, tmp_path, name, wanted):
    path = archive(("val2017/1.jpg", b"1"), (name, b"evil"))
    with pytest.raises(UserError) as error:
        (unpack_folder if wanted.endswith("/") else unpack_file)(path, wanted, tmp_path / "in" / "out")
    assert repr(name) in str(error.value)
    assert [p.name for p in tmp_path.rglob("*")] == ["a.zip"]


def test_a_link_is_refused_by_name(archive, tmp_path):
    link = zipfile.ZipInfo("val2017/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UserError, match="'val2017/link' is a link"):
        unpack_folder(archive(("val2017/1.jpg", b"1"), (link, b"/etc/passwd")), "val2017/", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["1.jpg", "sub/1.jpg", "a..b.jpg", "..a", "ab:c.jpg", "ü/1.jpg", "a b.jpg", "..."])
def test_names_that_stay_inside_are_allowed(name):
    assert not escapes_directory(name)
    assert are_plain(["7.jpg", name]) == (name in ("1.jpg", "a..b.jpg"))  # the others are looked at one by one


@pytest.mark.parametrize("name", [*OUTSIDE, "..", "a/..", "", " ", "a\0b", "a\nb"])
def test_names_that_do_not_are_not(name):
    assert escapes_directory(name)
    assert not are_plain(["7.jpg", name, "8.jpg"])


def test_a_missing_member_is_named_and_what_is_there_too(archive, tmp_path):
    path = archive(("coco/annotations/a.json", b"A"))
    with pytest.raises(UserError, match=r"no member 'annotations/a.json' in it; it has coco/annotations/a.json"):
        unpack_file(path, "annotations/a.json", tmp_path / "a.json")
    with pytest.raises(UserError, match=r"no folder 'val2017/' in it; it has coco/annotations/a.json"):
        unpack_folder(path, "val2017", tmp_path / "out")


def test_a_damaged_member_is_named_and_nothing_is_written(archive, tmp_path):
    path = archive(("val2017/1.jpg", bytes(range(256)) * 50), ("val2017/2.jpg", b"2"))
    data = bytearray(path.read_bytes())
    data[60:80] = bytes(20)
    path.write_bytes(data)
    for target, unpack in ((tmp_path / "1.jpg", unpack_file), (tmp_path / "out", unpack_folder)):
        with pytest.raises(UserError, match=r"'val2017/1\.jpg' cannot be read"):
            unpack(path, "val2017/1.jpg" if unpack is unpack_file else "val2017/", target)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".out.lock", "a.zip"]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_no_archive_is_said(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UserError, match="not a whole zip archive"):
        unpack_file(tmp_path / "a.zip", "x", tmp_path / "x")


def test_two_slashes_do_not_lead_outside(archive, tmp_path):
    outside = tmp_path / "evil"
    path = archive(("val2017/1.jpg", b"1"), (f"val2017/{outside}", b"evil"))
    unpack_folder(path, "val2017/", tmp_path / "out")
    assert not outside.exists()
    assert (tmp_path / "out" / outside.relative_to("/")).read_bytes() == b"evil"


@pytest.mark.parametrize("names", [("val2017/a", "val2017/a/b"), ("val2017/a/b", "val2017/a"), ("x/./y", "x/y/z")])
def test_a_file_that_is_a_folder_as_well_is_refused(archive, tmp_path, names):
    path = archive(*((name, b"1") for name in names))
    with pytest.raises(UserError, match="is a file and a folder at once; nothing was unpacked"):
        unpack_folder(path, names[0].partition("/")[0], tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_pipe_is_refused(archive, tmp_path):
    pipe = zipfile.ZipInfo("val2017/pipe")
    pipe.external_attr = (stat.S_IFIFO | 0o777) << 16
    with pytest.raises(UserError, match="'val2017/pipe' is neither a file nor a folder"):
        unpack_folder(archive((pipe, b"")), "val2017/", tmp_path / "out")


def test_a_bomb_is_refused_before_it_is_unpacked(archive, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("val2017/1.jpg", bytes(150_000_000))
    assert path.stat().st_size < 200_000
    for member, target in (("val2017/", tmp_path / "out"), ("val2017/1.jpg", tmp_path / "1.jpg")):
        with pytest.raises(UserError, match="would become 150,000,000, more than 200 times as many"):
            (unpack_folder if member.endswith("/") else unpack_file)(path, member, target)
        assert not target.exists()


def test_what_does_not_fit_on_the_disk_is_not_begun(archive, tmp_path):
    path = archive(("a.json", b"A"))
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = b"\xff\xff\xff\x05"  # the directory says 100 MB
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"more than 200 times|cannot be read"):
        unpack_file(path, "a.json", tmp_path / "a.json")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_any_damage_of_the_directory_is_said(archive, tmp_path):
    path = archive(("val2017/1.jpg", bytes(range(256)) * 5), ("val2017/2.jpg", b"2"))
    whole = path.read_bytes()
    start = whole.index(b"PK\x01\x02")
    said = 0
    for at in range(start, len(whole)):
        for value in (0, 0xFF, whole[at] ^ 0x80):
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            try:
                unpack_folder(path, "val2017/", tmp_path / "out")
            except UserError as error:
                said += str(path) in str(error)
    assert said > 100


def test_an_archive_with_a_password_is_said(archive, tmp_path):
    path = archive(("a.json", b"A"))
    data = bytearray(path.read_bytes())
    data[6] |= 1  # flag of the local header, and of the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"'a\.json' cannot be read .*password"):
        unpack_file(path, "a.json", tmp_path / "a.json")


def test_two_unpack_into_one_folder_and_are_killed_at_random(archive, tmp_path):
    contents = {f"{i}.jpg": os.urandom(2000) for i in range(300)}
    path = archive(*((f"val2017/{name}", content) for name, content in contents.items()))
    program = (
        "import sys; from pathlib import Path; from contextual_anomaly.download.archive import unpack_folder;"
        " unpack_folder(Path(sys.argv[1]), 'val2017/', Path(sys.argv[2]))"
    )
    moments, folder = random.Random(5), tmp_path / "shared" / "val2017"

    def start() -> list[subprocess.Popen]:
        return [subprocess.Popen([sys.executable, "-c", program, path, folder]) for _ in range(2)]

    for _ in range(5):
        first, second = start()
        time.sleep(moments.uniform(0.1, 0.6))
        first.kill()
        first.wait()
        assert second.wait() == 0
        assert {p.name: p.read_bytes() for p in folder.glob("*.jpg")} == contents
        shutil.rmtree(folder)
    assert [process.wait() for process in start()] == [0, 0]
    assert {p.name: p.read_bytes() for p in folder.glob("*.jpg")} == contents
    assert sorted(p.name for p in folder.parent.iterdir()) == [".val2017.lock", "val2017"]


def test_what_is_unpacked_already_is_left_as_it_is_and_what_is_not_is_mended(archive, tmp_path):
    path = archive(("val2017/1.jpg", b"1"), ("val2017/2.jpg", b"2"))
    unpack_folder(path, "val2017/", tmp_path / "out")
    before = (tmp_path / "out/1.jpg").stat()
    unpack_folder(path, "val2017/", tmp_path / "out")
    assert (tmp_path / "out/1.jpg").stat() == before
    (tmp_path / "out/1.jpg").write_bytes(b"3")
    unpack_folder(path, "val2017/", tmp_path / "out")
    assert (tmp_path / "out/1.jpg").read_bytes() == b"1"


def test_a_member_whose_folder_is_damaged_in_the_directory_is_not_left_out(archive, tmp_path):
    path = archive(("val2017/1.jpg", b"1"), ("val2017/2.jpg", b"2"))
    content = path.read_bytes()
    last = content.rindex(b"val2017/2.jpg")  # in the directory at the end
    path.write_bytes(content[:last] + b"val2117/2.jpg" + content[last + 13 :])
    with pytest.raises(UserError, match=r"the member 'val2117/2\.jpg' is damaged"):
        unpack_folder(path, "val2017/", tmp_path / "out")
    assert not (tmp_path / "out").exists()
