#!/usr/bin/env python3
"""The package's own PEP 517 build back end: the standard library and a C compiler are all it needs.

`pip install ./python` calls it; as a program it writes a wheel:

    pluck_build.py DIST [LIBRARY]     LIBRARY: a libpluck.a that is built already
    pluck_build.py --metadata FILE    writes the package's METADATA

Without LIBRARY (or PLUCK_LIBRARY in the environment) the C library is compiled from ../src, in a checkout, or
from what build_sdist has put beside this file. The compiler is $CC, or the one that Python was built with.
"""

import base64
import concurrent.futures
import gzip
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# In a source distribution the library lies beside this file, in a checkout it is the folder above.
ROOT = HERE if (HERE / "include").is_dir() else HERE.parent
SDIST_ONLY = ("pyproject.toml", "pluck_build.py", "README.md")


def version():
    """The version that the header gives."""
    header = (ROOT / "include" / "pluck.h").read_text()
    parts = [re.search(rf"^#define PLUCK_VERSION_{part} (\d+)$", header, re.M) for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(part[1] for part in parts)


def metadata():
    return "\n".join(
        [
            "Metadata-Version: 2.1",
            "Name: pluck",
            f"Version: {version()}",
            "Summary: From a row of logits to a token, at the speed of memory",
            "License: MIT",
            "Requires-Python: >=3.11",
            "Classifier: Programming Language :: C",
            "Classifier: Programming Language :: Python :: 3",
            "Description-Content-Type: text/markdown",
            "",
            (HERE / "README.md").read_text(),
        ]
    )


def tag():
    """One wheel for CPython 3.11 and later on this platform."""
    platform = re.sub(r"[-. ]", "_", sysconfig.get_platform())
    return f"cp311-abi3-{platform}"


# ---- compiling ----


def library_sources():
    source = ROOT / "src"
    return sorted([*source.glob("*.c"), *source.glob("stages/*.c"), *source.glob("kernels/*.c")])


def extension_sources():
    return sorted((HERE / "extension" if ROOT == HERE else HERE / "src").glob("*.c"))


def compiler():
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def compile_all(sources, build):
    """Object files of the sources, compiled on all cores."""
    command = [*compiler(), "-std=c11", "-O3", "-fPIC", "-ffp-contract=off", "-fvisibility=hidden", "-DNDEBUG"]
    command += shlex.split(os.environ.get("CFLAGS", ""))
    command += [f"-I{ROOT / 'include'}", f"-I{sysconfig.get_path('include')}"]

    def compile_one(numbered):
        number, source = numbered
        target = build / f"{number}-{source.stem}.o"
        subprocess.run([*command, "-c", str(source), "-o", str(target)], check=True)
        return target

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(compile_one, enumerate(sources)))


def extension_name():
    return "_pluck.pyd" if os.name == "nt" else "_pluck.abi3.so"


def build_extension(library):
    """The extension module's bytes; library: a libpluck.a, or None."""
    with tempfile.TemporaryDirectory() as folder:
        build = Path(folder)
        sources = extension_sources() + ([] if library else library_sources())
        objects = compile_all(sources, build)
        target = build / extension_name()
        link = [*compiler(), "-shared", *map(str, objects), *([str(library)] if library else []), "-lm", "-pthread"]
        if sys.platform == "darwin":
            link += ["-undefined", "dynamic_lookup"]
        link += shlex.split(os.environ.get("LDFLAGS", ""))
        subprocess.run([*link, "-o", str(target)], check=True)
        if sys.platform.startswith("linux"):
            subprocess.run(["strip", "--strip-unneeded", str(target)], check=False)
        return target.read_bytes()


# ---- archives: the same bytes for the same content ----


def package_files():
    """The package's own files, without the extension."""
    return [path for path in sorted((HERE / "lib" / "pluck").iterdir()) if path.suffix in (".py", ".pyi", ".typed")]


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def dist_info_files():
    wheel = f"Wheel-Version: 1.0\nGenerator: pluck_build\nRoot-Is-Purelib: false\nTag: {tag()}\n"
    return {"METADATA": metadata().encode(), "WHEEL": wheel.encode(), "LICENSE": (ROOT / "LICENSE").read_bytes()}


def write_wheel(folder, library):
    files = {f"pluck/{path.name}": path.read_bytes() for path in package_files()}
    files[f"pluck/{extension_name()}"] = build_extension(library)
    info = f"pluck-{version()}.dist-info"
    for name, data in dist_info_files().items():
        files[f"{info}/{name}"] = data
    record = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    path = Path(folder) / f"pluck-{version()}-{tag()}.whl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if name.endswith((".so", ".pyd")) else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path.name


# ---- PEP 517 ----


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, os.environ.get("PLUCK_LIBRARY"))


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = Path(metadata_directory) / f"pluck-{version()}.dist-info"
    info.mkdir(parents=True)
    for name, data in dist_info_files().items():
        (info / name).write_bytes(data)
    return info.name


def sdist_files():
    """Names in the archive, and where their content is: a tree that builds by itself."""
    files = {name: HERE / name for name in SDIST_ONLY}
    files["LICENSE"] = ROOT / "LICENSE"
    files.update((f"lib/pluck/{path.name}", path) for path in package_files())
    for path in sorted((HERE / "src").glob("*.[ch]")):
        files[f"extension/{path.name}"] = path
    for folder in ("include", "src"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            files[str(path.relative_to(ROOT))] = path
    return files


def build_sdist(sdist_directory, config_settings=None):
    if ROOT == HERE:
        raise SystemExit("pluck_build: a source distribution is made in a checkout")
    base = f"pluck-{version()}"
    path = Path(sdist_directory) / f"{base}.tar.gz"
    contents = {name: source.read_bytes() for name, source in sdist_files().items()}
    contents["PKG-INFO"] = metadata().encode()
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as zipped:
        with tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, data in contents.items():
                entry = tarfile.TarInfo(f"{base}/{name}")
                entry.size = len(data)
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(data))
    return path.name


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--metadata":
        Path(sys.argv[2]).write_text(metadata())
        sys.exit()
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("Usage: pluck_build.py DIST [LIBRARY] | --metadata FILE")
    print(Path(sys.argv[1]) / write_wheel(sys.argv[1], Path(sys.argv[2]) if len(sys.argv) == 3 else None))
