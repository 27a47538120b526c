"""The openstack client, as a person runs it, without starting Python for every word of it."""

import contextlib
import io
import os
import subprocess
import sys

try:
    from openstackclient import shell
except ImportError:  # the client is another installation's: it is started as a program
    shell = None


@contextlib.contextmanager
def environment(env):
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run(program, words, env, fresh=False):
    """Runs one command; its status, and what it wrote to either output. A fresh one remembers no other login."""
    if shell is None or fresh:
        done = subprocess.run([program, *words], env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr
    out, err = io.StringIO(), io.StringIO()
    with environment(env), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = shell.main(words)
        except SystemExit as end:
            status = end.code
    sys.stderr.flush()
    return status or 0, out.getvalue(), err.getvalue()
