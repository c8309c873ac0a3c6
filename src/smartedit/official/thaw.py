"""Unpickles weights for another process, with as few rights as it can arrange for itself. Started by `reading.py`, as a script.

It is given paths on stdin, a JSON line each, and answers on stdout: `{"open": PATH}` with a JSON line of names, dtypes and
shapes, `{"path": PATH, "name": NAME}` with the raw bytes of that tensor. Only tensors are read (`weights_only=True`); code in
a pickle is refused by torch, and would find that it can neither write, connect nor start anything.
"""

import ctypes
import json
import os
import sys

FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.mkdir",
             "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.kill", "shutil.", "ctypes.", "webbrowser.")  # fmt: skip


def cut_off() -> None:
    """Leave the network and give up new privileges, where the system lets us (Linux)."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.unshare(0x10000000 | 0x40000000)  # CLONE_NEWUSER | CLONE_NEWNET
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    except (OSError, AttributeError, TypeError):
        pass


def forbid(event: str, arguments: tuple) -> None:
    """An audit hook: no writing, no network, no other programs."""
    opens_to_write = event == "open" and arguments[1] is not None and set(str(arguments[1])) & set("wax+")
    if opens_to_write or event.startswith(FORBIDDEN):
        raise PermissionError(f"{event} is not allowed here")


def limit(largest: int) -> None:
    """No file grows, no core is dumped, and memory ends at twice the largest file."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        most = now + 2 * largest + 2**30
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def tensors(torch, path: str) -> dict:
    """The flat dict of tensors in a file; memory-mapped where its format allows."""
    options = {"map_location": "cpu", "weights_only": True}
    try:
        state = torch.load(path, mmap=True, **options)
    except RuntimeError as error:
        if "mmap" not in str(error):
            raise
        state = torch.load(path, **options)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise TypeError("it is not a flat table of tensors")
    return state


def described(error: Exception) -> str:
    """What is wrong with a file, for people."""
    text = str(error)
    if "Weights only load failed" in text or "Unsupported" in text:
        return "holds more than tensors, perhaps code; nothing of it was run, get the file from its source again"
    if isinstance(error, TypeError):
        return f"cannot be used, {text}; get the file from its source again"
    return "is truncated or damaged; download it again"


def main() -> None:
    """Answer requests until stdin ends."""
    sys.path.append(sys.argv[1])
    largest = int(sys.argv[2])
    cut_off()
    import torch

    torch.set_num_threads(1)
    answers, opened = sys.stdout.buffer, {}
    limit(largest)
    sys.addaudithook(forbid)
    for line in sys.stdin:
        request = json.loads(line)
        if "open" in request:
            opened.clear()  # one file at a time
            try:
                state = opened[request["open"]] = tensors(torch, request["open"])
                told = {name: [str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in state.items()}
            except Exception as error:
                told = {"error": described(error)}
            answers.write(json.dumps(told).encode() + b"\n")
        else:
            tensor = opened[request["path"]][request["name"]].contiguous()
            answers.write(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))
        answers.flush()


if __name__ == "__main__":
    main()
