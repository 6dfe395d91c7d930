"""Holds commands to gcloud's own parser and runs none of them: one JSON list of arguments a line on standard
input, one line of JSON on standard output for each that it does not take. No connection can be opened."""

import contextlib
import io
import json
import os
import socket
import sys

root = sys.argv[1]
sys.path[:0] = [os.path.join(root, "lib"), os.path.join(root, "lib", "third_party")]
# gcloud asks where it was started from, and reports what was run: neither is wanted.
sys.argv[0] = os.path.join(root, "lib", "gcloud.py")


def no_network(*_args, **_kwargs):
    raise OSError("no network here")


socket.socket.connect = no_network
socket.create_connection = no_network

from googlecloudsdk import gcloud_main  # noqa: E402
from googlecloudsdk.calliope import backend  # noqa: E402
from googlecloudsdk.core import log  # noqa: E402

reached = []
backend.Command.Run = lambda self, cli, args: reached.append(self)

cli = gcloud_main.CreateCLI([])
for line in sys.stdin:
    words = json.loads(line)
    reached.clear()
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            log.Reset(said, said)
            cli.Execute(words)
    except SystemExit:
        pass
    except Exception as error:  # pylint: disable=broad-except
        said.write(str(error))
    if not reached:
        print(json.dumps({"words": words, "why": said.getvalue().strip()[:400]}), flush=True)
