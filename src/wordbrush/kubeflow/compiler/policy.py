"""What a component must not do. `make lint` runs `python -m wordbrush.kubeflow.compiler.policy`.

An image without a fixed tag, packages that are installed at run time, and imports at a file's top
that the image would have to satisfy before the stage can say what is wrong. The ideas are those of
kubeflow/pipelines-components.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ALLOWED_IMPORTS = {"kfp", "components", "wordbrush"}  # and Python's own
DECORATOR = "component"  # of components/__init__.py, which names the image once
INSTALLERS = ("packages_to_install", "pip_index_urls", "pip install", "ensurepip")
SETTINGS = ("base_image", "target_image")  # of kfp's decorators


def faults(folder: Path) -> list[str]:
    """Every fault of the components in a folder, a sentence each."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = path.relative_to(folder).with_suffix("").as_posix()  # __init__ names the image
        found += [f"{path}:{line}: {what}." for line, what in _faults(tree, name)]
    return found


def _faults(tree: ast.Module, name: str) -> Iterator[tuple[int, str]]:
    """The line and the kind of each fault."""
    yield from _imports(tree)
    yield from _installs(tree)
    if name == "__init__":
        yield from _images(tree)
    else:
        yield from _decorators(tree)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            root = name.partition(".")[0]
            if root not in ALLOWED_IMPORTS | sys.stdlib_module_names:
                yield node.lineno, f"{name} is imported at the top: import it in the function"


def _installs(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword):
            text = node.arg or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if any(word in text for word in INSTALLERS):
            yield node.lineno, f"{text!r} installs packages at run time: put them into the image"


def _images(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """IMAGE is pinned, and the shared decorator installs nothing."""
    images = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "IMAGE"
    ]
    if not images:
        yield 1, "there is no IMAGE"
    for node in images:
        image = ast.literal_eval(node.value)
        if not is_pinned(image):
            yield node.lineno, f"the image {image!r} is not pinned: give a tag or a digest"
    if "install_kfp_package=False" not in ast.unparse(tree):
        yield 1, "install_kfp_package=False is missing: kfp would be installed at run time"


def _decorators(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Functions have the shared decorator as it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node in tree.body:
            given = [ast.unparse(one) for one in node.decorator_list]
            if given != [DECORATOR]:
                yield node.lineno, f"{node.name} needs the decorator @{DECORATOR}, and no other"
        if isinstance(node, ast.keyword) and node.arg in SETTINGS:
            yield node.lineno, f"{node.arg} is set: components/__init__.py names the image"


def is_pinned(image: str) -> bool:
    """Whether a name has a digest, or a tag other than `latest`."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return digest.startswith("sha256:") or tag not in ("", "latest")


def main(folder: Path) -> int:
    """Print the faults; exit code 1 where there is one."""
    found = faults(folder)
    print("\n".join(found), end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path("components")))
