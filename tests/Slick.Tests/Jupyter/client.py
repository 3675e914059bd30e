"""Drives a Jupyter kernel for the tests.

client.py run KERNEL FOLDER NOTEBOOK    runs the notebook in FOLDER and writes it back with its outputs; 3 where a cell failed
client.py talk KERNEL FOLDER            reads cells from standard input as JSON, [{"code": ..., "interrupt": null | seconds | "display"}];
                                        prints for each its outputs and the seconds until it ended, from an interrupt on if there was one.
                                        "display": interrupted when the cell shows its first value.
"""
import json
import queue
import sys
import time

LIMIT = 300


def run(kernel, folder, path):
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=LIMIT, startup_timeout=LIMIT, iopub_timeout=LIMIT,
                            raise_on_iopub_timeout=True, kernel_name=kernel, resources={"metadata": {"path": folder}})
    try:
        client.execute()
        return 0
    except CellExecutionError:
        return 3
    finally:
        nbformat.write(notebook, path)


def talk(kernel, folder):
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name=kernel, cwd=folder, startup_timeout=LIMIT)
    try:
        results = [cell(manager, client, step["code"], step.get("interrupt")) for step in json.load(sys.stdin)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    json.dump(results, sys.stdout)
    return 0


def cell(manager, client, code, interrupt):
    start = time.monotonic()
    request, outputs, sent = client.execute(code), [], False
    while True:
        waited = time.monotonic() - start
        if waited > LIMIT:
            raise TimeoutError(code)
        shown = any(o["type"] == "display_data" for o in outputs)
        if interrupt is not None and not sent and (shown if interrupt == "display" else waited >= interrupt):
            manager.interrupt_kernel()
            start, sent = time.monotonic(), True
        try:
            message = client.get_iopub_msg(timeout=0.1)
        except queue.Empty:
            continue
        kind, content = message["header"]["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != request or kind == "execute_input":
            continue
        if kind == "status":
            if content["execution_state"] == "idle":
                return {"seconds": time.monotonic() - start, "interrupted": sent, "outputs": outputs}
        else:
            outputs.append({"type": kind, **content})


if __name__ == "__main__":
    sys.exit({"run": run, "talk": talk}[sys.argv[1]](*sys.argv[2:]))
