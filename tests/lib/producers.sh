# The real producers of jobs, from PyPI, in a virtual environment of the user's cache folder. Sourced, not run.
# shellcheck shell=bash

# producers_python: prints the interpreter that has what producers.txt names; made at the first call.
producers_python() {
    local here list folder
    here=$(dirname "${BASH_SOURCE[0]}")
    list=$(sha256sum "$here/producers.txt" | cut -c1-12)
    folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tenantd/producers-$list
    mkdir -p "$(dirname "$folder")"
    (
        flock 9
        if [ ! -e "$folder/complete" ]; then
            python3 -m venv --clear "$folder"
            "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/producers.txt"
            touch "$folder/complete"
        fi
    ) 9>"$folder.lock" >&2
    echo "$folder/bin/python"
}
